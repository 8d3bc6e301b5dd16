import { z } from 'zod'
import { saleMails } from '../../identity/mail-preferences.ts'
import { roles } from '../../identity/permissions.ts'
import { languages } from '../../notifications/languages.ts'

const email = z.email('Must be an email address').max(254).toLowerCase()
const password = z.string().min(8).max(200)
const name = z
  .string()
  .trim()
  .min(1)
  .max(100)
  .regex(/^[^\p{Cc}\p{Cs}\p{Zl}\p{Zp}]*$/u, 'Control characters are not allowed')

export const registerBody = z.strictObject({
  email,
  password,
  name,
  role: z.enum(['buyer', 'seller']),
})

/** No lower limit on the password here: a short one is a wrong one. */
export const loginBody = z.strictObject({ email, password: z.string().min(1).max(200) })

export const refreshBody = z.strictObject({ refreshToken: z.string().min(1).max(200) })

const userSchema = z.object({
  id: z.uuid(),
  email: z.string(),
  name: z.string(),
  role: z.enum(roles),
})

export const signedInSchema = z.object({
  user: userSchema,
  accessToken: z.string(),
  refreshToken: z.string(),
  expiresIn: z.int().describe('Seconds until the access token expires'),
})

export const meSchema = z.object({ user: userSchema })

const mailPreferences = {
  language: z.enum(languages).describe('of all mails to the account'),
  sales: z
    .enum(saleMails)
    .describe(
      'when a seller hears of sales: `each` at once, or `daily` all of a day (UTC) together',
    ),
}

export const mailPreferencesBody = z.strictObject(mailPreferences).partial()

export const mailPreferencesSchema = z.object(mailPreferences)

export const passwordBody = z.strictObject({
  currentPassword: z.string().min(1).max(200),
  newPassword: password,
})

export const barBody = z.strictObject({
  reason: z
    .string()
    .trim()
    .min(1)
    .max(500)
    .regex(/^[^\p{Cc}\p{Cs}\p{Zl}\p{Zp}]*$/u, 'Control characters are not allowed'),
})

export const barredSchema = z.object({
  user: userSchema.extend({ barredAt: z.iso.datetime(), reason: z.string() }),
})
