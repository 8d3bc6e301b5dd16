import {
  claimImages,
  forgetStaleImages,
  type ImageWork,
  noticeUploads,
  processImages,
} from '../images/process-images.ts'
import type { Relayed } from '../platform/queue/relay.ts'
import type { ScheduledJob } from '../platform/queue/scheduled.ts'

/** Uploaded pictures to the sizes that are shown. One at a time: the process has more urgent work. */
export function relayImages(work: ImageWork): Relayed<string> {
  return {
    name: 'images',
    batch: 2,
    concurrency: 1,
    claim: (limit) => claimImages(work.pool, limit),
    handle: (ids) => processImages(work, ids),
  }
}

export function imageJobs(work: ImageWork): readonly ScheduledJob[] {
  return [
    { name: 'notice-uploads', everyMs: 5_000, run: () => noticeUploads(work) },
    { name: 'forget-stale-images', everyMs: 600_000, run: () => forgetStaleImages(work) },
  ]
}
