# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_dialhook_global_optspecs
    string join \n h/help V/version
end

function __fish_dialhook_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_dialhook_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_dialhook_using_subcommand
    set -l cmd (__fish_dialhook_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c dialhook -n "__fish_dialhook_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dialhook -n "__fish_dialhook_needs_command" -s V -l version -d 'Print version'
complete -c dialhook -n "__fish_dialhook_needs_command" -f -a "serve" -d 'Listen for Asterisk and FreeSWITCH, and ask webhooks'
complete -c dialhook -n "__fish_dialhook_needs_command" -f -a "check" -d 'Check a configuration, and show its meaning or all of its faults'
complete -c dialhook -n "__fish_dialhook_needs_command" -f -a "try" -d 'Ask the webhook of a hook without a PBX, and show the result that a call would get'
complete -c dialhook -n "__fish_dialhook_needs_command" -f -a "calls" -d 'Show the last webhook steps of the running daemon, and why each call went where it went'
complete -c dialhook -n "__fish_dialhook_needs_command" -f -a "demo" -d 'Show example calls in a few seconds, without a PBX, a configuration or any other machine'
complete -c dialhook -n "__fish_dialhook_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c dialhook -n "__fish_dialhook_using_subcommand serve" -l config -d 'The configuration file [default: /etc/dialhook/dialhook.toml, if it exists]' -r -F
complete -c dialhook -n "__fish_dialhook_using_subcommand serve" -l log-format -d 'The format of the log [default: journald if systemd connected standard error to it, else text]' -r -f -a "text\t''
json\t''
journald\t''"
complete -c dialhook -n "__fish_dialhook_using_subcommand serve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dialhook -n "__fish_dialhook_using_subcommand check" -l config -d 'The configuration file [default: /etc/dialhook/dialhook.toml, if it exists]' -r -F
complete -c dialhook -n "__fish_dialhook_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dialhook -n "__fish_dialhook_using_subcommand try" -l caller -d 'The number of the caller' -r
complete -c dialhook -n "__fish_dialhook_using_subcommand try" -l name -d 'The name of the caller' -r
complete -c dialhook -n "__fish_dialhook_using_subcommand try" -l callee -d 'The called number' -r
complete -c dialhook -n "__fish_dialhook_using_subcommand try" -l switch -d 'The switch of the call, whose commands are shown' -r -f -a "asterisk\t''
freeswitch\t''"
complete -c dialhook -n "__fish_dialhook_using_subcommand try" -l variable -d 'A channel variable of the call, for hooks that fetch it; can be repeated' -r
complete -c dialhook -n "__fish_dialhook_using_subcommand try" -l config -d 'The configuration file [default: /etc/dialhook/dialhook.toml, if it exists]' -r -F
complete -c dialhook -n "__fish_dialhook_using_subcommand try" -l json -d 'Print one JSON object'
complete -c dialhook -n "__fish_dialhook_using_subcommand try" -l curl -d 'Print the request as a curl command instead of making it'
complete -c dialhook -n "__fish_dialhook_using_subcommand try" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dialhook -n "__fish_dialhook_using_subcommand calls" -l hook -d 'Only steps of this hook' -r
complete -c dialhook -n "__fish_dialhook_using_subcommand calls" -l status -d 'Only steps with this WEBHOOK_STATUS, or CANCELLED or REFUSED' -r
complete -c dialhook -n "__fish_dialhook_using_subcommand calls" -l slower -d 'Only steps that took at least this time, such as 500ms' -r
complete -c dialhook -n "__fish_dialhook_using_subcommand calls" -l since -d 'Only steps since then: 10m (ago), 14:05, "2026-11-30 14:05", or RFC 3339' -r
complete -c dialhook -n "__fish_dialhook_using_subcommand calls" -l limit -d 'The largest number of steps, the newest ones' -r
complete -c dialhook -n "__fish_dialhook_using_subcommand calls" -l id -d 'Show one step with its timeline, the reason, and what to do about it' -r
complete -c dialhook -n "__fish_dialhook_using_subcommand calls" -l config -d 'The configuration file [default: /etc/dialhook/dialhook.toml, if it exists]' -r -F
complete -c dialhook -n "__fish_dialhook_using_subcommand calls" -l url -d 'The observer of the daemon, such as http://pbx:9573 [default: listen.observer of the configuration]' -r
complete -c dialhook -n "__fish_dialhook_using_subcommand calls" -l token-file -d 'A file with the token of the observer' -r -F
complete -c dialhook -n "__fish_dialhook_using_subcommand calls" -l failures -d 'Only steps that were not OK'
complete -c dialhook -n "__fish_dialhook_using_subcommand calls" -s f -l follow -d 'Show each step as it ends, until Ctrl-C'
complete -c dialhook -n "__fish_dialhook_using_subcommand calls" -l json -d 'Print JSON as the daemon has it: one object a line; with --id the whole step'
complete -c dialhook -n "__fish_dialhook_using_subcommand calls" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dialhook -n "__fish_dialhook_using_subcommand demo" -s h -l help -d 'Print help'
complete -c dialhook -n "__fish_dialhook_using_subcommand help; and not __fish_seen_subcommand_from serve check try calls demo help" -f -a "serve" -d 'Listen for Asterisk and FreeSWITCH, and ask webhooks'
complete -c dialhook -n "__fish_dialhook_using_subcommand help; and not __fish_seen_subcommand_from serve check try calls demo help" -f -a "check" -d 'Check a configuration, and show its meaning or all of its faults'
complete -c dialhook -n "__fish_dialhook_using_subcommand help; and not __fish_seen_subcommand_from serve check try calls demo help" -f -a "try" -d 'Ask the webhook of a hook without a PBX, and show the result that a call would get'
complete -c dialhook -n "__fish_dialhook_using_subcommand help; and not __fish_seen_subcommand_from serve check try calls demo help" -f -a "calls" -d 'Show the last webhook steps of the running daemon, and why each call went where it went'
complete -c dialhook -n "__fish_dialhook_using_subcommand help; and not __fish_seen_subcommand_from serve check try calls demo help" -f -a "demo" -d 'Show example calls in a few seconds, without a PBX, a configuration or any other machine'
complete -c dialhook -n "__fish_dialhook_using_subcommand help; and not __fish_seen_subcommand_from serve check try calls demo help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
