/** Accounts and sessions, from the registration to the erasure. */
import { newId } from '../../../../src/kernel/ids.ts'
import { emailOf, peoplePassword } from '../../people.ts'
import type { Stage } from '../stage.ts'

const password = 'correct horse'
const email = 'Ida@Example.com'

export async function identity(stage: Stage): Promise<void> {
  await registering(stage)
  await sessions(stage)
  await passwords(stage)
  await bars(stage)
}

async function registering({ play }: Stage): Promise<void> {
  const register = (title: string, change: Readonly<Record<string, unknown>> = {}) =>
    play(title, 'POST /api/auth/register', {
      body: { email, password, name: ' Ida ', role: 'buyer', ...change },
    })
  await register('Ida opens an account')
  await register('The address is taken, in any case', { email: email.toUpperCase() })
  await register('A seller opens an account', { email: 'shop@example.com', role: 'seller' })
  await register('Nobody makes themselves an admin', { email: 'root@example.com', role: 'admin' })
  await register('All that can be wrong', { email: 'nobody', password: 'short', name: ' ' })
  await register('Something is missing', { name: undefined, role: undefined })
  await register('A name with a line break', { name: 'Ida\nBcc' })
  await play('A guest brings a cart that has no name', 'POST /api/auth/register', {
    headers: { 'x-cart-id': 'mine' },
    body: { email: 'guest@example.com', password, name: 'Guest', role: 'buyer' },
  })
}

async function sessions({ play }: Stage): Promise<void> {
  const login = (title: string, body: Readonly<Record<string, unknown>>) =>
    play(title, 'POST /api/auth/login', { body })
  await login('A wrong password', { email, password: 'wrong' })
  await login('An address that nobody has', { email: 'nobody@example.com', password })
  await login('No password', { email })
  const { body } = await login('Ida logs in', { email, password })
  const headers = { authorization: `Bearer ${body.accessToken}` }
  await play('Who am I?', 'GET /api/me', { headers })
  await play('Nobody asks who they are', 'GET /api/me')
  const refresh = (title: string, refreshToken: unknown) =>
    play(title, 'POST /api/auth/refresh', { body: { refreshToken } })
  const next = await refresh('A new pair', body.refreshToken)
  await refresh('A token works once, and using it again ends the session', body.refreshToken)
  await refresh('So the new one does not work either', next.body.refreshToken)
  await refresh('A token that is none', 'nonsense')
  await refresh('A token that is no text', 7)
  const logout = (title: string, refreshToken: unknown) =>
    play(title, 'POST /api/auth/logout', { body: { refreshToken } })
  const again = await login('Ida logs in again', { email, password })
  await logout('Ida logs out', again.body.refreshToken)
  await logout('And once more', again.body.refreshToken)
  await logout('Without a token', undefined)
  await refresh('The session has ended', again.body.refreshToken)
}

async function passwords(stage: Stage): Promise<void> {
  const { play } = stage
  const as = await stage.person('ben', 'buyer')
  const change = (title: string, body: Readonly<Record<string, unknown>>) =>
    play(title, 'PUT /api/me/password', { as, body })
  await change('The current password is wrong', { currentPassword: 'wrong', newPassword: password })
  await change('The new password is short', { currentPassword: peoplePassword, newPassword: 'abc' })
  await change('Ben changes the password', {
    currentPassword: peoplePassword,
    newPassword: password,
  })
  await play('Nobody changes a password', 'PUT /api/me/password', { body: {} })
  const login = (title: string, given: string) =>
    play(title, 'POST /api/auth/login', { body: { email: emailOf(as.id), password: given } })
  await login('The old password', peoplePassword)
  await login('The new password', password)
  const prefer = (title: string, body: object) => play(title, 'PATCH /api/me/mails', { as, body })
  await prefer('Ben has said nothing about mails', {})
  await prefer('Ben wants mails in German', { language: 'de' })
  await prefer('Nobody writes Latin', { language: 'la' })
  await play('Nobody erases an account', 'DELETE /api/me')
  await play('Ben erases the account', 'DELETE /api/me', { as })
  await stage.until(
    'The token of an erased account',
    'GET /api/me',
    { as },
    ({ status }) => status === 401,
  )
  await login('An erased account does not log in', password)
}

async function bars(stage: Stage): Promise<void> {
  const { play, admin, seller } = stage
  const carl = await stage.person('carl', 'buyer')
  const bar = (title: string, id: string, body: unknown, as = admin) =>
    play(title, `PUT /api/users/${id}/bar`, { as, body })
  await bar('An admin bars Carl', carl.id, { reason: ' Resold ' })
  await bar('Another reason', carl.id, { reason: 'Resold twice' })
  await play('Carl does not log in', 'POST /api/auth/login', {
    body: { email: emailOf(carl.id), password: peoplePassword },
  })
  await bar('An admin is not barred', admin.id, { reason: 'Coup' })
  await bar('A seller bars nobody', carl.id, { reason: 'Rival' }, seller)
  await bar('Nobody of this id', newId(), { reason: 'Resold' })
  await bar('An id that is none', 'carl', { reason: 'Resold' })
  await bar('No reason', carl.id, { reason: '' })
  const unbar = (title: string, id: string, as = admin) =>
    play(title, `DELETE /api/users/${id}/bar`, { as })
  await unbar('A seller lets nobody back', carl.id, seller)
  await unbar('Carl may come back', carl.id)
  await unbar('And once more', carl.id)
  await unbar('Nobody of this id to let back', newId())
  await play('Carl logs in', 'POST /api/auth/login', {
    body: { email: emailOf(carl.id), password: peoplePassword },
  })
}
