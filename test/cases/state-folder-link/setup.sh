mkdir -p .lockstep victim && ln -s ../victim .lockstep/runs
