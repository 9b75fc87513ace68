// Steps in real containers: dash and busybox's shell, both ways to run a step.
import { dockerSteps } from './docker-step.ts';

for (const image of ['debian:bookworm-slim', 'busybox:latest']) {
  for (const isolated of [false, true]) dockerSteps(image, isolated);
}
