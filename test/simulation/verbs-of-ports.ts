/** Every verb that a process may die at, named `port.verb`. */
export const ambushedVerbs = [
  ...[
    ...['admit', 'post', 'want', 'setTerms', 'holders', 'available', 'look', 'close'],
    ...['beginLoading', 'loadBuyers', 'loadRequests', 'install', 'open', 'settle'],
  ].map((verb) => `gates.${verb}`),
  ...['waiting', 'read', 'forgetReady', 'forgetWanted', 'hasGate'].map((verb) => `mailbox.${verb}`),
  ...[
    ...['rows', 'openedRows', 'partition', 'nextGeneration', 'openGates', 'evidence', 'commit'],
    ...['buyersOf', 'recentRequests', 'openCommands'],
  ].map((verb) => `ledger.${verb}`),
  ...['open', 'tryLock', 'unlock', 'close'].map((verb) => `session.${verb}`),
  ...['stamp', 'survey', 'putDown'].map((verb) => `registry.${verb}`),
  ...[
    ...['begin', 'decide', 'giveUp', 'expire', 'cancel', 'pay', 'finishLate', 'cancelOrder'],
    ...['restock'],
  ].map((verb) => `shop.${verb}`),
]
