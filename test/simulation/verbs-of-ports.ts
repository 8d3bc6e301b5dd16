/**
 * Every verb that a process may die at, named `port.verb`. `mailbox.forgetReady` is missing: an owner calls it when the
 * ledger has gone back in time, and here it never does.
 */
export const ambushedVerbs = [
  ...[
    ...['admit', 'post', 'want', 'setTerms', 'holders', 'available', 'look', 'close'],
    ...['beginLoading', 'loadBuyers', 'loadRequests', 'install', 'open', 'settle'],
  ].map((verb) => `gates.${verb}`),
  ...['waiting', 'read', 'forgetWanted', 'hasGate'].map((verb) => `mailbox.${verb}`),
  ...[
    ...['rows', 'openedRows', 'partition', 'nextGeneration', 'openGates', 'evidence', 'commit'],
    ...['buyersOf', 'recentRequests', 'openCommands'],
  ].map((verb) => `ledger.${verb}`),
  ...['open', 'tryLock', 'unlock', 'close'].map((verb) => `session.${verb}`),
  ...['stamp', 'survey', 'putDown', 'signOff'].map((verb) => `registry.${verb}`),
  ...[
    ...['begin', 'decide', 'giveUp', 'expire', 'cancel', 'pay', 'finishLate', 'cancelOrder'],
    ...['restock'],
  ].map((verb) => `shop.${verb}`),
]
