{
  printf 'version: 1\njobs:\n  a:\n    image: busybox:latest\n    steps:\n      - |\n'
  for i in $(seq 8000); do printf '        n%s=%s # some words to make the script large\n' "$i" "$i"; done
  printf '        echo "last is $n8000"\n'
} > lockstep.yml
