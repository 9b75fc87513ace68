mkdir elsewhere; ln -s elsewhere .lockstep
