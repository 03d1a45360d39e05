import type { QueueReport } from './queue-report.ts';

/**
 * Two reports that are nearer to each other than this are of a process that was kept from running: the window of the second one can be
 * empty, and then it tells of no request, whatever is in flight (knative.dev/networking pkg/http/stats/request.go, Report).
 */
const shortestWindow = 0.5;

/**
 * Whether a queue-proxy to which nobody sends requests any more has none left, told by its reports, one a second. The one that is
 * there at first, and the next, can be of a time when requests still came: what counts is one whose whole window came later.
 */
export class Silence {
  #last: QueueReport | undefined;
  #fresh = 0;

  /**
   * @param report the one that is there now; the same one may be shown again and again
   * @returns true when nothing is in flight
   */
  isSaidBy(report: QueueReport): boolean {
    const last = this.#last;
    if (last === undefined || report.uptime < last.uptime) {
      // The first one, or that of a queue-proxy that was started again.
      this.#last = report;
      this.#fresh = 0;
      return false;
    }
    if (report.uptime === last.uptime) return false;
    this.#last = report;
    this.#fresh++;
    const isWhole = report.uptime - last.uptime >= shortestWindow;
    return this.#fresh >= 2 && isWhole && report.inFlight === 0 && report.begun === 0;
  }
}
