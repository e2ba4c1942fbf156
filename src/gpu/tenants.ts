/** Something that lives in a slot of memory. */
interface Tenant {
  /** Its number among all tenants that ever were. */
  tenancy: number;
}

interface Entry<T, Slot> {
  readonly slot: Slot;
  readonly tenant: WeakRef<T & object>;
  /** Keeps the tenant where its memory is in somebody else's hands. */
  kept: T | null;
}

/**
 * Who lives where, known weakly: a tensor that is dropped without a `dispose()` leaves its memory when it is collected. That is a
 * net and no substitute, since a collector does not see how much GPU memory waits for it.
 */
export class Tenants<T extends Tenant, Slot> {
  #next = 0;
  readonly #entries = new Map<number, Entry<T, Slot>>();
  readonly #collected: FinalizationRegistry<number>;

  /** @param onDropped called with the slot of a tenant that nobody holds any more and that never left */
  constructor(onDropped: (slot: Slot) => void) {
    this.#collected = new FinalizationRegistry((tenancy) => {
      const entry = this.#entries.get(tenancy);
      if (entry && this.#entries.delete(tenancy)) onDropped(entry.slot);
    });
  }

  get size(): number {
    return this.#entries.size;
  }

  add(tenant: T, slot: Slot): void {
    tenant.tenancy = this.#next++;
    this.#entries.set(tenant.tenancy, { slot, tenant: new WeakRef(tenant), kept: null });
    this.#collected.register(tenant, tenant.tenancy);
  }

  /** False where it had left before. */
  delete(tenant: T): boolean {
    return this.#entries.delete(tenant.tenancy);
  }

  /** It stays until `delete`, whether somebody holds it or not. */
  keep(tenant: T): void {
    const entry = this.#entries.get(tenant.tenancy);
    if (entry) entry.kept = tenant;
  }

  clear(): void {
    this.#entries.clear();
  }

  *slots(): Generator<Slot> {
    for (const { slot } of this.#entries.values()) yield slot;
  }

  *[Symbol.iterator](): Generator<T> {
    for (const { tenant } of this.#entries.values()) {
      const alive = tenant.deref();
      if (alive) yield alive;
    }
  }

  /** Forgets the tenants of these slots; returns the slots that had one. */
  evict(of: { has(slot: Slot): boolean }): Slot[] {
    const found = [...this.#entries].filter(([, { slot }]) => of.has(slot));
    for (const [tenancy] of found) this.#entries.delete(tenancy);
    return found.map(([, { slot }]) => slot);
  }
}
