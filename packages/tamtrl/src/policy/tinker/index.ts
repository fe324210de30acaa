/** `tamtrl/tinker`: the client for training servers that speak the Tinker protocol, and the policy built on it. */

export { type SubmitOptions, TinkerClient, type TinkerClientOptions } from './client.js';
export { type Datum, type LossScaling, type ModelInput, modelInput, policyDatum, weightedDatum } from './datum.js';
export { TinkerError } from './errors.js';
export { type AdamParameters, RemoteModel, type RemoteModelOptions } from './model.js';
export { openTinkerPolicy, TinkerPolicy, type TinkerPolicyOptions } from './policy.js';
export { TINKER_SERVERS } from './servers.js';
export type { ForwardBackwardBody } from './wire.js';
