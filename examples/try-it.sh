#!/usr/bin/env bash
# The main job, to watch: six websites on six isolated hosts of this machine, each with its own
# sshd, nginx and php-fpm. Builds fleetctl, deploys a contact form to the group that wants it,
# rolls out its next version in batches, meets a sick site, and finds what somebody changed by
# hand. Needs root on Debian; leaves nothing behind. TRY_IT_PAUSE=0 does not wait between scenes.
set -euo pipefail
cd "$(dirname "$0")/.."

pause=${TRY_IT_PAUSE:-1.5}
bold='' dim='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
    bold=$'\e[1m' dim=$'\e[2m' plain=$'\e[0m'
fi

say() {
    printf '\n%s%s%s\n' "$bold" "$*" "$plain"
    sleep "$pause"
}

# Shows a command, runs it in the project, and insists on its exit code.
run() { # EXPECTED COMMAND...
    local expected=$1 code=0
    shift
    printf '%s$ %s%s\n' "$dim" "$*" "$plain"
    (cd "$project" && "$@") || code=$?
    if [ "$code" != "$expected" ]; then
        printf 'try-it: that ended with %s, and not with %s\n' "$code" "$expected" >&2
        exit 1
    fi
    [ "$code" = 0 ] || printf '%s(exit code %s)%s\n' "$dim" "$code" "$plain"
}

lab=$PWD/tests/lab/lab
work=$(mktemp -d /tmp/fleetctl-try-it.XXXXXX)
project=$work/agency
trap '"$lab" down "$work/lab" || true; rm -rf "$work"' EXIT

# Host, platform, groups, and what else its line in the inventory says.
sites=(
    'acme-tools|wordpress|forms|tags: { tier: canary }'
    'delft-cycles|wordpress|forms|'
    'studio-kestrel|static|forms|'
    'tessel-architects|static|forms|'
    'globex|react|forms|'
    'launch-a|react|promo|'
)

# What each site serves, asked over HTTP as a visitor would.
show_sites() {
    local site name platform _ address page version
    printf '  %-26s %-10s %-6s %s\n' site platform page 'contact form'
    for site in "${sites[@]}"; do
        IFS='|' read -r name platform _ <<<"$site"
        address=$("$lab" address "$work/lab" "$name")
        page=$(visit "$name" "$address" / -o /dev/null -w '%{http_code}')
        version=$(visit "$name" "$address" /_features/contact-form/submit.php |
            sed -n 's/.*"version":"\([^"]*\)".*/\1/p')
        printf '  %-26s %-10s %-6s %s\n' "$name.example" "$platform" "$page" "${version:--}"
    done
}

visit() { # NAME ADDRESS PATH [CURL OPTIONS]
    local name=$1 address=$2 path=$3
    shift 3
    curl -s --noproxy '*' -m 10 --resolve "$name.example:80:$address" "$@" "http://$name.example$path"
}

write_project() {
    local site name platform groups more
    mkdir -p "$project/inventory" "$project/playbooks"
    cp -R features registry "$project/"
    rm -rf "$project/registry/contact-form/2.2.0" # to be published while you watch
    cp "$work/lab/known_hosts" "$project/inventory/known_hosts"
    cp -R inventory/group_vars "$project/inventory/group_vars"
    rm -f "$project"/inventory/group_vars/eu-*
    sed "s|^  user: deploy|&\n  identity: $work/lab/key|" fleet.yml >"$project/fleet.yml"
    {
        printf 'groups:\n'
        printf '  all: { url: "http://{{ site }}", docroot: "/var/www/{{ site }}" }\n'
        for platform in wordpress static react; do
            printf '  %s: { platform: %s }\n' "$platform" "$platform"
        done
        printf '  forms: { features: { contact-form: "^2.1" } }\n'
        printf '  promo: { features: { popup: "^1.0" } }\nsites:\n'
        for site in "${sites[@]}"; do
            IFS='|' read -r name platform groups more <<<"$site"
            printf '  %s.example: { address: %s, groups: [%s, %s]%s }\n' "$name" \
                "$("$lab" address "$work/lab" "$name")" "$platform" "$groups" "${more:+, $more}"
        done
    } >"$project/inventory/sites.yml"
    cat >"$project/playbooks/deploy.yml" <<'PLAY'
- name: features
  hosts: all
  rollout:
    canary: { tier: canary }
    batches: [1, 2, 100%]
    on_abort: rollback_batch
    gates:
      - http: { path: /, status: "<400" }
        attempts: 3
        interval: 500ms
        successes: 2
  release:
    reload: php-fpm
PLAY
}

tests/run --prepare
command -v curl >/dev/null || apt-get install -y -qq curl >/dev/null

say 'Building fleetctl …'
cargo build --locked --quiet
PATH=$(cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/debug:$PATH
export CONTACT_FORM_KEY=a-key-of-the-agency

say 'Six hosts: each with a file system, an address, an sshd, an nginx and a php-fpm of its own.'
hosts=()
for site in "${sites[@]}"; do
    IFS='|' read -r name platform _ <<<"$site"
    hosts+=(--host "$name:$platform=$name.example")
done
"$lab" up "$work/lab" "${hosts[@]}" --owner $$
write_project
run 0 cat inventory/sites.yml
show_sites

say 'Which version each site gets is decided once, written down, and stays until somebody moves it.'
run 0 fleetctl lock
run 0 fleetctl feature resolve

say 'What a deploy to the group would do. Nothing is changed yet.'
run 10 fleetctl plan --group forms

say 'Five sites want the form, the sixth does not.'
run 0 fleetctl deploy --group forms --yes
show_sites

say 'Once more: nothing to do, and each host is asked only once.'
run 0 fleetctl deploy --group forms --yes

say 'Version 2.2.0 is published. One site has a forgotten plugin of its own that it will not bear.'
# shellcheck disable=SC2016 # PHP, for the host
"$lab" exec "$work/lab" delft-cycles -- sh -c 'echo "<?php function contact_form_thanks() {}" \
    >/var/www/delft-cycles.example/wp-content/mu-plugins/00-old-form.php
    kill -USR2 "$(cat /run/php/php*-fpm.pid)"'
run 0 fleetctl feature publish features/contact-form
run 0 fleetctl lock --update contact-form
run 6 fleetctl deploy --feature contact-form --yes

say 'The batch of the sick site went back; what was confirmed before it stays.'
show_sites
run 0 fleetctl status

say 'The plugin is removed, and the release given another chance.'
"$lab" exec "$work/lab" delft-cycles -- sh -c \
    'rm /var/www/delft-cycles.example/wp-content/mu-plugins/00-old-form.php'
run 0 fleetctl deploy --feature contact-form --yes --retry-rejected
show_sites

say 'Somebody edits a file on a server. The audit finds it, the next deploy repairs it.'
# shellcheck disable=SC2016 # for the host's shell
"$lab" exec "$work/lab" globex -- sh -c \
    'file=$(find /srv -name contact-form.css | sort | tail -n 1); echo "/* quick fix */" >>"$file"'
run 10 fleetctl audit --group forms
run 0 fleetctl deploy --group forms --yes
run 0 fleetctl audit --group forms

say 'And back to the version before, from what the hosts themselves remember.'
run 0 fleetctl rollback --site globex.example --yes
show_sites

say 'That is all; the hosts are taken down.'
