# shellcheck shell=sh
# Keeps our lease alive while a site waits for its batch. Needs: root run ttl generation.
# shellcheck disable=SC2154
mutex
fence "$generation"
tell renewed "$run"
