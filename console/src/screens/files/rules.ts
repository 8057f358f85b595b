import type { Schemas } from '../../api/interface.ts';

type Shown = Schemas['FileOut'];

/** What one upload takes (Amazon S3, "Uploading objects"): the interface refuses more. */
export const MAX_FILE_BYTES = 5_000_000_000;

export const ENCODINGS = ['utf-8', 'utf-16', 'utf-16-le', 'utf-16-be', 'iso-8859-1', 'windows-1252'] as const;

const ENDED: ReadonlySet<Schemas['FileStatus']> = new Set(['completed', 'refused', 'cancelled']);
const SOON = 3_000;
const LATER = 30_000;

/** What a person chose beside the file; what is empty is as the interface has it. */
export interface Choices {
  readonly mode: Schemas['Mode'];
  readonly activation: string;
  readonly separator: string;
  readonly encoding: string;
  readonly status: string;
}

/** The body that asks for an address. */
export function asked(file: Pick<File, 'name' | 'size'>, chosen: Choices): Schemas['FileIn'] {
  return {
    name: file.name,
    size: file.size,
    mode: chosen.mode,
    activation_id: chosen.activation || null,
    separator: chosen.separator || null,
    encoding: chosen.encoding || null,
    status: (chosen.mode === 'incremental' && chosen.status.trim()) || null,
  };
}

/** Whether nothing more becomes of a file. */
export function isEnded({ status }: Pick<Shown, 'status'>): boolean {
  return ENDED.has(status);
}

/** After how many milliseconds a file may be another; undefined: never again. */
export function changesWithin(file: Pick<Shown, 'status'> | undefined): number | undefined {
  if (file === undefined) {
    return SOON;
  }
  return isEnded(file) ? undefined : file.status === 'held' ? LATER : SOON;
}

/** After how many milliseconds a list of files may be another: anybody may upload one. */
export function listChangesWithin(files: readonly Pick<Shown, 'status'>[]): number {
  return files.some((one) => changesWithin(one) === SOON) ? SOON : LATER;
}

/** How much of a file is settled, in percent; of one that is not delivered yet, nothing. */
export function percent({ settled, rows }: Pick<Shown, 'settled' | 'rows'>): number {
  return rows === 0 ? 0 : Math.floor((100 * settled) / rows);
}

/** The id of the run that counts the rows: the hour of the upload, in UTC. */
export function runOf(receivedAt: string): string {
  return `${new Date(receivedAt).toISOString().slice(0, 'yyyy-mm-ddThh'.length)}:00Z`;
}

/** A share of a whole in percent, as exact as it takes to be more than nothing. */
export function share(of: number): string {
  const whole = 100 * of;
  return `${whole >= 1 || whole === 0 ? Math.round(whole) : whole.toPrecision(1)} %`;
}
