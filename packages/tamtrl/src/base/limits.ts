/**
 * Limits of the parsers. A damaged or hostile file ends in an error that names one of these, not in a full
 * memory or a process that hangs. Each is far above what real files need.
 */

const KIB = 2 ** 10;
const MIB = 2 ** 20;
const GIB = 2 ** 30;

// Compressed files.

/** Bytes that a packed file may unpack to, whatever its ratio. */
export const MAX_UNPACKED_BYTES = 1024 * GIB;
/** Unpacked bytes for each packed byte; only counted once `FREE_UNPACKED_BYTES` have come. Text packs 3 to 20 times. */
export const MAX_EXPANSION = 1000;
/** Up to here any ratio is taken: unpacking this much is quick. */
export const FREE_UNPACKED_BYTES = 64 * MIB;
/** Window of a zstd frame: what `zstd -d` takes without further flags. */
export const MAX_ZSTD_WINDOW = 128 * MIB;
/** The unpacker copies its window at every block: copied bytes that are taken at any size of blocks. */
export const FREE_ZSTD_COPIES = 64 * GIB;
/** Beyond them, copied bytes for each unpacked byte: blocks of the full 128 KiB in the largest window need no more. */
export const MAX_ZSTD_COPIES = 1024;

// Archives: zip files, office documents and books.

/** Entries of an archive. */
export const MAX_ARCHIVE_ENTRIES = 65_535;
/** Bytes that all entries of an archive unpack to, those of documents in it included. */
export const MAX_ARCHIVE_UNPACKED = 2 * GIB;
/** Unpacked bytes for each byte of an archive, beyond `FREE_UNPACKED_BYTES`. Office documents take up to 50. */
export const MAX_ARCHIVE_EXPANSION = 200;
/** Bytes of an entry that is held in memory as a whole, unpacked. */
export const MAX_PART_BYTES = 256 * MIB;

// Data files.

/** Bytes of the longest line that is read. */
export const MAX_LINE_BYTES = 256 * MIB;
/** Bytes of a parquet page after unpacking. */
export const MAX_PARQUET_PAGE_BYTES = 512 * MIB;
/** Values of a parquet page. Writers make pages of 20,000 rows, or of a MiB. */
export const MAX_PARQUET_PAGE_VALUES = 16 * MIB;

// Documents.

/** Bytes of a document that has to be held in memory as a whole: a PDF, or what comes from a stream. */
export const MAX_HELD_BYTES = 512 * MIB;

/** Bytes of a page that is fetched. */
export const MAX_PAGE_BYTES = 64 * MIB;
/** Files of a folder that is read, and folders within one another. */
export const MAX_FOLDER_FILES = 50_000;
export const MAX_FOLDER_DEPTH = 200;
/** Bytes of a Markdown file, which is held in memory as a whole. */
export const MAX_MARKDOWN_BYTES = 64 * MIB;
/**
 * Depth of HTML's elements within one another. Old pages that close no element have a few hundred, and Chrome builds no
 * deeper tree than 512 (kMaximumHTMLParserDOMTreeDepth). A closing tag may look at all that are open: a megabyte of
 * them takes 0.4 s at this depth, 2 s at 5,000.
 */
export const MAX_HTML_NESTING = 1000;
/** Depth of elements within one another in the XML of office documents. */
export const MAX_XML_NESTING = 1000;
/** Characters of all strings that the cells of a spreadsheet share. */
export const MAX_SHARED_CHARACTERS = 256 * MIB;
/** Empty cells between two others that are written out in a row; more become "…". */
export const MAX_EMPTY_CELLS = 100;
/** Characters of a row of a CSV file. A quotation mark that is never closed takes all that follows. */
export const MAX_CSV_ROW = MIB;
/** Bytes of an e-mail message with its attachments. */
export const MAX_MESSAGE_BYTES = 64 * MIB;
/** Parts of an e-mail message within one another. */
export const MAX_MESSAGE_NESTING = 50;
/** Bytes of a notebook or of subtitles. */
export const MAX_NOTEBOOK_BYTES = 256 * MIB;
/** Bytes of a PDF file. */
export const MAX_PDF_BYTES = MAX_HELD_BYTES;
/** Pages of a PDF. */
export const MAX_PDF_PAGES = 100_000;
/** Bytes that reading a PDF may take beyond twice its size. */
export const MAX_PDF_MEMORY = 512 * MIB;
/** Seconds in which a PDF has to open, and one more for each 10 MiB: repairing a damaged one can take their square. */
export const MAX_PDF_OPENING_SECONDS = 4;
/** Seconds in which the next page of a PDF has to come. */
export const MAX_PDF_PAGE_SECONDS = 30;
/** Depth of Markdown's lists and quotations within one another, and of emphasis and links. */
export const MAX_MARKDOWN_NESTING = 200;

// Configuration.

/** Bytes of a YAML file: the parser can take the square of its length. Configurations in use have a few thousand. */
export const MAX_YAML_BYTES = 256 * KIB;
/** Depth of lists and mappings within one another in YAML. */
export const MAX_YAML_NESTING = 100;
/** Values that all aliases of a YAML file expand to. */
export const MAX_YAML_ALIAS_VALUES = 10_000;
/** Trainings of a comparison with sweeps: combinations of values times seeds. */
export const MAX_COMPARISON_TRAININGS = 1000;

// Tokenizers and chat templates.

/** Bytes of a JSON file that comes with a model's weights. The largest tokenizer.json in use have 33 MB. */
export const MAX_MODEL_JSON_BYTES = 512 * MIB;
/** One more than the highest id of a token. The largest vocabularies in use have 262,144. */
export const MAX_VOCABULARY = 2 ** 24;
/** Depth of normalizers, pre-tokenizers and decoders within one another. */
export const MAX_TOKENIZER_NESTING = 32;
/** Characters of a chat template. Templates in use have up to 20,000. */
export const MAX_TEMPLATE_CHARACTERS = 256 * KIB;
/** White space without a break in a chat template: the parser takes the square of its length. */
export const MAX_TEMPLATE_BLANKS = 1000;
/** Parts of a template that rendering may look at, counted each time in loops. */
export const MAX_TEMPLATE_STEPS = 500_000;
/** Characters that a template may make beyond eight times those of the messages. */
export const MAX_TEMPLATE_OUTPUT = 4 * MIB;
/** Entries of a list that a template may make, those of lists within it included. */
export const MAX_TEMPLATE_ENTRIES = 100_000;

/** "128 MiB", for sentences about sizes in bytes. */
export function bytesText(bytes: number): string {
  if (bytes >= GIB) return `${amount(bytes / GIB)} GiB`;
  if (bytes >= MIB) return `${amount(bytes / MIB)} MiB`;
  return bytes >= KIB ? `${amount(bytes / KIB)} KiB` : `${bytes} bytes`;
}

const amount = (value: number) => (value >= 10 ? value.toFixed(0) : Number(value.toFixed(1)));
