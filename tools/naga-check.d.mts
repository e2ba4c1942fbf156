export interface NagaAnswer {
  readonly name: string;
  readonly ok: boolean;
  readonly message: string;
}
export function checkWithNaga(list: readonly { name: string; code: string }[]): Promise<NagaAnswer[]>;
