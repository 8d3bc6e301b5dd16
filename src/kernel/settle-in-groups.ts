/** Runs `run` on `parallel` items at once, group after group. Resolves with all outcomes in order; never rejects. */
export async function settleInGroups<Item, Result>(
  items: readonly Item[],
  parallel: number,
  run: (item: Item) => Promise<Result>,
): Promise<PromiseSettledResult<Result>[]> {
  const outcomes: PromiseSettledResult<Result>[] = []
  for (let i = 0; i < items.length; i += parallel) {
    outcomes.push(
      ...(await Promise.allSettled(items.slice(i, i + parallel).map(async (item) => run(item)))),
    )
  }
  return outcomes
}
