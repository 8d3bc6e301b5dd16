/**
 * What the runtime asks of the thing it runs. The runtime owns partitions, serialises their passes on
 * one connection and moves them between workers; it knows no word of the shop.
 */
import type { PipelinedConnection } from '../platform/postgres/pipeline.ts'

/** What a pass found. */
export interface Found {
  readonly anything: boolean
  /** Commands that came on their own, so that more may follow; not those that were sent all at once. */
  readonly arrivals: number
  /** Whether what some of them belong to waits for other partitions too. */
  readonly parts: boolean
}

export interface PartitionActor {
  /** Reads what waits, decides, commits. Never runs twice at once. */
  pass(): Promise<Found>
  /** Once a second: whatever must not wait for ever although nobody wakes the actor. */
  tend(): Promise<void>
}

export interface ActorFactory {
  /** Called with the partition's lock held by `connection`: settles what a predecessor left, or rebuilds. */
  takeOver(partition: number, connection: PipelinedConnection): Promise<PartitionActor>
}

/** This owner's memory is not the truth any more: somebody else has moved on. It steps down. */
export class Fenced extends Error {
  override name = 'Fenced'
}
