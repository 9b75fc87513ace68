// Runs the reuse contract for Docker, both ways a step can be run, and for the scripted fake.
import { scriptedEngine } from '../fakes/scripted-engine.ts';
import { dockerEngine } from './docker-engine.ts';
import { reuseContract } from './reuse.ts';

const docker = { make: () => dockerEngine() };
reuseContract('Docker, a shell for all steps, Debian', {
  ...docker,
  image: 'debian:bookworm-slim',
  isolated: false,
});
reuseContract('Docker, a shell for all steps, busybox', {
  ...docker,
  image: 'busybox:latest',
  isolated: false,
});
reuseContract('Docker, an exec for each step', { ...docker, image: 'debian:bookworm-slim', isolated: true });
reuseContract('scripted', {
  image: 'any:1',
  isolated: false,
  make: (programs) =>
    Promise.resolve(
      scriptedEngine({
        step: (step, io) => programs.find((program) => program.sh === step.script)?.scripted(io),
      }),
    ),
});
