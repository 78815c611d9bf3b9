
# Prints the IDs of the jobs on the cluster that the environment names, or of the snapshots of a job.
_esml_state_ids() {
    local id rest
    esml-state list --quiet --timeout 2s --retries 0 -- "$@" 2>/dev/null </dev/null | while IFS=$'\t' read -r id rest; do
        # The shell would interpret other characters, which IDs do not have.
        [[ $id == *[!a-z0-9_.-]* ]] || printf '%s\n' "$id"
    done
}

# Prints the names of the profiles in the configuration file.
_esml_state_profiles() {
    sed -n 's/^ *\[profiles\.\([A-Za-z0-9_-]*\)\].*/\1/p' "${XDG_CONFIG_HOME:-$HOME/.config}/esml-state/config.toml" 2>/dev/null
}

_esml_state_with_ids() {
    local ids=""
    _esml__state "$@"
    case "$2,$3" in
        -*) ;;
        *,export | *,list | *,--job-id) ids=$(_esml_state_ids) ;;
        *,--profile | *,--from | *,--to) ids=$(_esml_state_profiles) ;;
        *,--snapshot-id) ids=$(_esml_state_ids "${COMP_WORDS[2]}") ;;
    esac
    ids=$(compgen -W "$ids" -- "$2")
    [[ -z $ids ]] || COMPREPLY=($ids)
}

complete -F _esml_state_with_ids -o bashdefault -o default esml-state
