import { describe, expect, test } from 'vitest';
import { timelineSvg } from '../../../src/cli/timeline/timeline-svg.ts';
import { timelineText } from '../../../src/cli/timeline/timeline-text.ts';
import { report } from './report.ts';

describe('as text', () => {
  test('it shows all steps, and who did what while the pod stood still', () => {
    expect(timelineText(report, 100)).toMatchInlineSnapshot(`
      "pod/web-0 from home-1 to away (node away-2)

      All of it: 5.0 s (frozen 310 ms)
      kubectl migrate:
        Plan                                █                                        ┊  ┊            40 ms
        Prepare both nodes                  ███████████████████████████████          ┊  ┊            3.0 s
        Copy files ahead                                                   █         ┊  ┊            50 ms
        Put the pod on standby at the peer                                 ██████████┊  ┊           950 ms
        Freeze and checkpoint                                                        ██ ┊           200 ms
        Restore at the peer                                                          ┊ █┊           100 ms
        Commit: it runs there now                                                    ┊  █            10 ms
        Replace the pod object                                                       ┊  ██████      590 ms
        Clean up                                                                     ┊  ┊     █     100 ms

      The pod stands still (frozen 310 ms)
      source, home-1:
        freeze                                ██                                             ┊       10 ms
        dump main                             ┊ █████████████████████                        ┊      140 ms
        dump <b>&"x                           ┊ ██████████████████████                       ┊      150 ms
      target, away-2:
        restore main                          ┊              ████████████░░░██████████████   ┊      190 ms

      █ works  ░ waits  ┊ the pod stands still in between
      The nodes' clocks were compared with that of kubectl migrate: source to 1.2 ms, target to 2.5 ms.
      "
    `);
  });

  test.each([20, 80, 200])('no line is wider than the terminal, %i columns (of at least 60)', (columns) => {
    for (const line of timelineText(report, columns).split('\n').slice(0, -3))
      expect(line.length).toBeLessThanOrEqual(Math.max(columns, 60));
  });

  test('a migration whose agents told nothing still has its steps', () => {
    const silent = { ...report, timeline: { ...report.timeline, spans: report.timeline.spans.filter(({ side }) => side === 'cli') } };
    expect(timelineText(silent, 80)).toContain('Freeze and checkpoint');
    expect(timelineText(silent, 80)).not.toContain('stands still (');
  });
});

describe('as a picture', () => {
  const svg = timelineSvg(report);

  test('the freeze is marked in both panels, and each phase tells its time', () => {
    expect(svg.match(/>frozen 310 ms</g)).toHaveLength(2);
    expect(svg).toContain('<title>waits for its memory, 20 ms</title>');
    expect(svg).toContain('>source, home-1<');
  });

  test('a name cannot put anything into the document', () => {
    expect(svg).toContain('dump &lt;b&gt;&amp;&quot;x');
    expect(svg).not.toContain('<b>');
  });

  test('every bar lies inside the picture', () => {
    const [, width = '0'] = /viewBox="0 0 (\d+)/.exec(svg) ?? [];
    for (const [, x = '', w = ''] of svg.matchAll(/<rect x="([\d.]+)" y="[\d.]+" width="([\d.]+)"/g)) {
      expect(Number(x) + Number(w)).toBeLessThanOrEqual(Number(width));
    }
  });
});
