/**
 * Attempts to pay for one checkout, at most; those that the provider refused to make are counted.
 * When the last one comes to nothing, the checkout fails and its units go back; a decline then says
 * that no attempts are left.
 */
export const attemptsMax = 20
