printf 'version: 1\r\njobs:\r\n  a:\r\n    image: busybox:latest\r\n    steps:\r\n      - |\r\n        if true; then\r\n          echo "[fine]"\r\n        fi\r\n' > lockstep.yml
