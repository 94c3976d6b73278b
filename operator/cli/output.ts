/**
 * What the command line says to people: lines, aligned tables, one status line that is written over.
 * On something that is no terminal there is no status line, only lines when something changed.
 */

export interface Terminal {
  readonly isTty: boolean;
  readonly columns: number;
  write(text: string): void;
}

export class Output {
  readonly #terminal: Terminal;
  #status = "";
  #lastLine = "";

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  line(text = ""): void {
    this.#clearStatus();
    this.#terminal.write(`${text}\n`);
    this.#drawStatus();
  }

  /** Replaces the status line; without a terminal it becomes a line of its own, once for each new text. */
  status(text: string): void {
    if (!this.#terminal.isTty) {
      if (text !== "" && text !== this.#lastLine) this.#terminal.write(`${text}\n`);
      this.#lastLine = text;
      return;
    }
    this.#clearStatus();
    this.#status = text.slice(0, Math.max(0, this.#terminal.columns - 1));
    this.#drawStatus();
  }

  /** Rows under headings, columns aligned, two spaces between them. */
  table(headings: readonly string[], rows: readonly (readonly string[])[]): void {
    const widths = headings.map((heading, column) =>
      Math.max(heading.length, ...rows.map((row) => row[column]?.length ?? 0)),
    );
    for (const row of [headings, ...rows]) {
      const cells = row.map((cell, column) => cell.padEnd(widths[column] ?? 0));
      this.line(cells.join("  ").trimEnd());
    }
  }

  #clearStatus(): void {
    if (this.#status !== "") this.#terminal.write("\r\x1b[K");
  }

  #drawStatus(): void {
    if (this.#status !== "") this.#terminal.write(this.#status);
  }
}

/** `12.3 MB`, `940 B`: decimal, three digits. */
export function formatBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 || value >= 99.95 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}
