# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_tipringd_global_optspecs
    string join \n h/help V/version
end

function __fish_tipringd_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_tipringd_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_tipringd_using_subcommand
    set -l cmd (__fish_tipringd_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c tipringd -n "__fish_tipringd_needs_command" -s h -l help -d 'Print help'
complete -c tipringd -n "__fish_tipringd_needs_command" -s V -l version -d 'Print version'
complete -c tipringd -n "__fish_tipringd_needs_command" -f -a "run" -d 'Run the gateway in the foreground'
complete -c tipringd -n "__fish_tipringd_needs_command" -f -a "check" -d 'Read configurations offline and say what would be acted on, kept, or refused'
complete -c tipringd -n "__fish_tipringd_needs_command" -f -a "hardware" -d 'Say which boards DAHDI has found, as a hardware.toml'
complete -c tipringd -n "__fish_tipringd_needs_command" -f -a "demo" -d 'Show the main job on simulated telephones and a simulated PBX'
complete -c tipringd -n "__fish_tipringd_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c tipringd -n "__fish_tipringd_using_subcommand run" -l config -d 'Startup configuration; `<state-dir>/startup-config` where this is not given' -r -F
complete -c tipringd -n "__fish_tipringd_using_subcommand run" -l hardware -d 'Which ports exist; without it there are none' -r -F
complete -c tipringd -n "__fish_tipringd_using_subcommand run" -l state-dir -d 'Where state, sockets and the saved configuration live' -r -F
complete -c tipringd -n "__fish_tipringd_using_subcommand run" -l sip-address -d 'Address SIP listens on where `bind control` names none' -r
complete -c tipringd -n "__fish_tipringd_using_subcommand run" -l dns -d 'DNS server to ask for the names of SIP servers, in place of `ip name-server` or the host\'s; may be repeated' -r
complete -c tipringd -n "__fish_tipringd_using_subcommand run" -l metrics -d 'Metrics and health over HTTP: an address and port, or `off`' -r
complete -c tipringd -n "__fish_tipringd_using_subcommand run" -l ssh -d 'SSH, once a user is configured: an address and port, or `off`' -r
complete -c tipringd -n "__fish_tipringd_using_subcommand run" -l telnet -d 'Telnet, while a line vty has `transport input telnet`: an address and port, or `off`' -r
complete -c tipringd -n "__fish_tipringd_using_subcommand run" -l drain -d 'How many seconds calls under way may go on after SIGTERM, while new ones are refused. A second SIGTERM ends them' -r
complete -c tipringd -n "__fish_tipringd_using_subcommand run" -s h -l help -d 'Print help'
complete -c tipringd -n "__fish_tipringd_using_subcommand check" -l json -d 'One JSON object per file'
complete -c tipringd -n "__fish_tipringd_using_subcommand check" -s h -l help -d 'Print help'
complete -c tipringd -n "__fish_tipringd_using_subcommand hardware" -l write -d 'Write it to this file, which must not exist yet, instead of printing it' -r -F
complete -c tipringd -n "__fish_tipringd_using_subcommand hardware" -s h -l help -d 'Print help'
complete -c tipringd -n "__fish_tipringd_using_subcommand demo" -l json -d 'Steps as JSON lines, no console afterwards'
complete -c tipringd -n "__fish_tipringd_using_subcommand demo" -s h -l help -d 'Print help'
complete -c tipringd -n "__fish_tipringd_using_subcommand help; and not __fish_seen_subcommand_from run check hardware demo help" -f -a "run" -d 'Run the gateway in the foreground'
complete -c tipringd -n "__fish_tipringd_using_subcommand help; and not __fish_seen_subcommand_from run check hardware demo help" -f -a "check" -d 'Read configurations offline and say what would be acted on, kept, or refused'
complete -c tipringd -n "__fish_tipringd_using_subcommand help; and not __fish_seen_subcommand_from run check hardware demo help" -f -a "hardware" -d 'Say which boards DAHDI has found, as a hardware.toml'
complete -c tipringd -n "__fish_tipringd_using_subcommand help; and not __fish_seen_subcommand_from run check hardware demo help" -f -a "demo" -d 'Show the main job on simulated telephones and a simulated PBX'
complete -c tipringd -n "__fish_tipringd_using_subcommand help; and not __fish_seen_subcommand_from run check hardware demo help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
