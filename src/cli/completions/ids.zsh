# Completes the IDs of the jobs on the cluster that the environment names, or of the snapshots of a job, and the names of the
# profiles in the configuration file.
_esml_state_ids() {
    local -a job ids
    local config=${XDG_CONFIG_HOME:-$HOME/.config}/esml-state/config.toml
    case $words[CURRENT-1] in
        export|list|--job-id) ;;
        --snapshot-id) job=($words[3]) ;;
        --profile|--from|--to)
            compadd -- ${(f)"$(sed -n 's/^ *\[profiles\.\([A-Za-z0-9_-]*\)\].*/\1/p' $config 2>/dev/null)"}
            return ;;
        *) return 1 ;;
    esac
    [[ $PREFIX != -* ]] || return 1
    ids=(${(f)"$(esml-state list --quiet --timeout 2s --retries 0 -- $job 2>/dev/null </dev/null)"})
    compadd -- ${ids%%$'\t'*}
}

