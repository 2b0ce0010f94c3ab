#!/bin/sh
# What a pipeline runs after a release of a shared feature: publish it, lock it, show what will
# change, bring it to the sites that have it. Asks nothing, needs no terminal and no home, and may
# be repeated: what is done already is left as it is.
#
# usage: ci-release.sh FEATURE   (in the project; FLEETCTL names the program, if it is not in PATH)
#
# Exit codes are those of the step that ended it (see `fleetctl --help`), so that a pipeline can
# branch on them: 0 all is as it should be, 3 something written is wrong, 6 rolled back, …
# Commit fleet.lock afterwards: it says what was deployed.
set -eu

feature=${1:?usage: ci-release.sh FEATURE}
fleetctl=${FLEETCTL:-fleetctl}
CI=${CI:-true}
export CI

"$fleetctl" feature publish "$feature"
"$fleetctl" lock --update "$feature"

code=0
"$fleetctl" plan --feature "$feature" || code=$?
case $code in
0) ;;
10) "$fleetctl" deploy --feature "$feature" --yes ;;
*) exit "$code" ;;
esac
