
# Prints the IDs of the jobs on the cluster that the environment names, or of the snapshots of a job.
function __fish_esml_state_ids
    esml-state list --quiet --timeout 2s --retries 0 -- $argv 2>/dev/null </dev/null | string replace -r '\t.*' ''
end

# Prints the word after the command.
function __fish_esml_state_job
    set -l words (commandline -opc)
    echo $words[3]
end

# Prints the names of the profiles in the configuration file.
function __fish_esml_state_profiles
    set -q XDG_CONFIG_HOME; and set -l config $XDG_CONFIG_HOME; or set -l config ~/.config
    cat $config/esml-state/config.toml 2>/dev/null | string replace -rf '^ *\[profiles\.([A-Za-z0-9_-]*)\].*' '$1'
end

complete -c esml-state -n "__fish_esml_state_using_subcommand export" -f -a "(__fish_esml_state_ids)"
complete -c esml-state -n "__fish_esml_state_using_subcommand list" -f -a "(__fish_esml_state_ids)"
complete -c esml-state -n "__fish_esml_state_using_subcommand export" -l job-id -x -a "(__fish_esml_state_ids)"
complete -c esml-state -n "__fish_esml_state_using_subcommand export" -l snapshot-id -x -a "(__fish_esml_state_ids (__fish_esml_state_job))"
complete -c esml-state -n "__fish_seen_subcommand_from export import list copy" -l profile -x -a "(__fish_esml_state_profiles)"
complete -c esml-state -n "__fish_esml_state_using_subcommand copy" -l from -x -a "(__fish_esml_state_profiles)"
complete -c esml-state -n "__fish_esml_state_using_subcommand copy" -l to -x -a "(__fish_esml_state_profiles)"
