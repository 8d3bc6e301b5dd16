import { Fenced } from '../../actor/actor.ts'
import type { Clock } from '../../kernel/clock.ts'
import { fencedCode, PipelinedConnection, sqlState } from '../../platform/postgres/pipeline.ts'
import type { Decision, Evidence } from '../decide/state.ts'
import {
  type BuyerCount,
  Contested,
  type LedgerPartition,
  type LedgerRow,
  type LedgerSession,
  type LedgerStore,
  type RecentRequest,
  RefusedWork,
} from '../ports.ts'
import type { Entry, StockCommand } from '../protocol/messages.ts'
import { batchStatements, deadlineOf } from './commit-batch.ts'
import { loadEvidence } from './evidence.ts'
import { distrustGates, moveToGeneration, openGates, readPartition } from './generations.ts'
import { readAllOpenCommands, readOpenCommands } from './open-commands.ts'
import { readBuyers, readRequests } from './read-buyers.ts'
import { loadLedger, loadOpened } from './read-ledger.ts'

const uniqueViolation = '23505'
const checkViolation = '23514'

/**
 * The owner's PostgreSQL, over the connection that holds its partitions' locks. Errors have the
 * names of the port; a lost connection rejects with ConnectionLost, and what was under way may have
 * been committed.
 */
export class PgLedger implements LedgerStore {
  readonly #connection: PipelinedConnection

  constructor(connection: PipelinedConnection) {
    this.#connection = connection
  }

  rows(skus: readonly string[]): Promise<LedgerRow[]> {
    return loadLedger(this.#connection, skus)
  }

  openedRows(partition: number, generation: number): Promise<LedgerRow[]> {
    return loadOpened(this.#connection, partition, generation)
  }

  partition(partition: number): Promise<LedgerPartition> {
    return readPartition(this.#connection, partition)
  }

  nextGeneration(partition: number, from: number, to: number, runId: string): Promise<void> {
    return named(moveToGeneration(this.#connection, partition, from, to, runId))
  }

  openGates(partition: number, skus: readonly string[], generation: number): Promise<void> {
    return openGates(this.#connection, partition, skus, generation)
  }

  evidence(sku: string, entries: readonly Entry[], contested: boolean): Promise<Evidence> {
    return named(loadEvidence(this.#connection, sku, entries, contested))
  }

  async commit(decisions: readonly Decision[], holdSeconds: number): Promise<Date> {
    const statements = batchStatements(decisions, holdSeconds)
    return deadlineOf(await named(this.#connection.transaction(statements)))
  }

  buyersOf(pool: string, after: string, countMax: number): Promise<BuyerCount[]> {
    return readBuyers(this.#connection, pool, after, countMax)
  }

  recentRequests(partition: number, after: string, countMax: number): Promise<RecentRequest[]> {
    return readRequests(this.#connection, partition, after, countMax)
  }

  openCommands(
    partition: number,
    except: readonly string[],
    countMax: number,
  ): Promise<StockCommand[]> {
    return readOpenCommands(this.#connection, partition, except, countMax)
  }

  allOpenCommands(countMax: number): Promise<StockCommand[]> {
    return readAllOpenCommands(this.#connection, countMax)
  }

  distrustGates(): Promise<void> {
    return distrustGates(this.#connection)
  }
}

/**
 * Opens a session of its own, for a worker that is no owner and carries commands out directly.
 * Rejects when PostgreSQL is away.
 */
export async function openPgLedger(
  databaseUrl: string,
  name: string,
  clock: Clock,
): Promise<LedgerSession> {
  const options = { name, onLost: () => {}, clock }
  const connection = await PipelinedConnection.open(databaseUrl, options)
  return {
    store: new PgLedger(connection),
    get lost() {
      return connection.lost
    },
    close: () => connection.close(),
  }
}

/** The same outcome, its error in the words of the port. */
async function named<T>(outcome: Promise<T>): Promise<T> {
  try {
    return await outcome
  } catch (error) {
    throw inWordsOfThePort(error)
  }
}

function inWordsOfThePort(error: unknown): unknown {
  const state = sqlState(error)
  if (state === undefined) return error
  const { message } = error as Error
  if (state === fencedCode) return new Fenced(message, { cause: error })
  // A key, a tombstone or a limit that PostgreSQL knew and the gate did not.
  if (state === uniqueViolation || state === checkViolation)
    return new Contested(message, { cause: error })
  // Class 22: a value that does not fit. Class 23: a constraint.
  return /^2[23]/.test(state) ? new RefusedWork(message, { cause: error }) : error
}
