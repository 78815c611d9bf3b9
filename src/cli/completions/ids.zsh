# Completes the IDs of the jobs on the cluster that the environment names, or of the snapshots of a job.
_esml_state_ids() {
    local -a job ids
    case $words[CURRENT-1] in
        export|list|--job-id) ;;
        --snapshot-id) job=($words[3]) ;;
        *) return 1 ;;
    esac
    [[ $PREFIX != -* ]] || return 1
    ids=(${(f)"$(esml-state list --quiet --timeout 2s --retries 0 -- $job 2>/dev/null </dev/null)"})
    compadd -- ${ids%%$'\t'*}
}

