export interface NagaAnswer {
  readonly name: string;
  readonly ok: boolean;
  readonly message: string;
}
export interface NagaAnswers {
  /** What wgpu ran on. */
  readonly adapters: readonly (string | null)[];
  readonly answers: readonly NagaAnswer[];
}
export function checkWithNaga(list: readonly { name: string; code: string }[]): Promise<NagaAnswers>;
export function nagaAdapter(): Promise<string | null>;
