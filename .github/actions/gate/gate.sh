#!/usr/bin/env bash
# Runs `harness gate` with the action's inputs, which come as GATE_* variables; "" is an input that was not given.
# Exit status: 0 same or better, or undecided without GATE_STRICT=true; 1 worse; 2 undecided; 3 a mistake, or a crash.
set -euo pipefail

mistake() {
  printf '::error title=harness gate::%s\n' "$1"
  exit 3
}

for name in BASE CANDIDATE MODELS PAIRS STRICT CALIBRATION DIRECTORY; do
  variable=GATE_$name
  case ${!variable:=} in
    # A second line could set outputs of its own in $GITHUB_OUTPUT.
    *$'\n'* | *$'\r'*) mistake "the input ${name,,} has more than one line" ;;
  esac
done
case ${GATE_STRICT:-false} in
  true | false) ;;
  *) mistake 'the input strict is neither true nor false' ;;
esac
[[ -z $GATE_CANDIDATE || -n $GATE_BASE ]] || mistake 'the input candidate needs the input base'
command -v harness > /dev/null || mistake 'harness is not installed in this job: python -m pip install -e .'

if [[ -n $GATE_DIRECTORY ]]; then
  directory=$GATE_DIRECTORY
  mkdir -p -- "$directory" || mistake "the folder $directory cannot be made"
else
  directory=$(mktemp -d "${RUNNER_TEMP:-/tmp}/harness-gate.XXXXXX") || mistake 'no temporary folder can be made'
fi

# Values follow their option's name after "=", and names of commits follow "--": none can pass for another option.
options=(--github "--out=$directory/gate.json" "--summary=$directory/gate.md" "--junit=$directory/gate.xml")
[[ -z $GATE_MODELS ]] || options+=("--models=$GATE_MODELS")
[[ -z $GATE_PAIRS ]] || options+=("--pairs=$GATE_PAIRS")
[[ -z $GATE_CALIBRATION ]] || options+=("--calibration=$GATE_CALIBRATION")
[[ $GATE_STRICT != true ]] || options+=(--strict)
commits=()
[[ -z $GATE_BASE ]] || commits+=("$GATE_BASE")
[[ -z $GATE_CANDIDATE ]] || commits+=("$GATE_CANDIDATE")

rm -f -- "$directory/gate.json" # of an earlier run: its verdict is not this one's
status=0
harness gate "${options[@]}" -- "${commits[@]}" || status=$?

verdict=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1], encoding="utf-8"))["verdict"])' \
  "$directory/gate.json" 2> /dev/null) || verdict=none
case $verdict in
  same | better | worse | 'cannot tell' | 'not comparable') ;;
  *) verdict=none ;;
esac
{
  printf 'verdict=%s\n' "$verdict"
  printf 'directory=%s\n' "$directory"
} >> "${GITHUB_OUTPUT:-/dev/stdout}"
printf 'verdict: %s\ngate.json, gate.md and gate.xml are in %s\n' "$verdict" "$directory"

if [[ $status == 1 && $verdict != worse ]]; then
  mistake 'harness gate ended without a verdict; its output says why' # Python's own status for a crash is 1, too
elif [[ $status == 2 && $GATE_STRICT != true ]]; then
  printf '::warning title=harness gate::%s: nothing was decided against this change; strict: true would fail here\n' \
    "$verdict"
  status=0
fi
exit "$status"
