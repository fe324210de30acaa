/** Keeps what goes wrong in one view from taking the page with it. */
import { Component, type ComponentChildren } from 'preact';
import { Problems } from './text.js';

export class Boundary extends Component<{ children: ComponentChildren }, { error?: string }> {
  override componentDidCatch(error: Error): void {
    this.setState({ error: error.message });
  }

  override render({ children }: { children: ComponentChildren }, { error }: { error?: string }) {
    if (error === undefined) return children;
    return <Problems texts={[`This cannot be shown: ${error}. Choose another view above, or load the page again.`]} />;
  }
}
