# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_tipring_global_optspecs
    string join \n s/socket= c/command= keep-going raw h/help V/version
end

function __fish_tipring_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_tipring_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_tipring_using_subcommand
    set -l cmd (__fish_tipring_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c tipring -n "__fish_tipring_needs_command" -s s -l socket -d 'Socket of the gateway\'s console [default: console.sock in $TIPRING_STATE_DIR, ./tipring-state or /var/lib/tipring]' -r -F
complete -c tipring -n "__fish_tipring_needs_command" -s c -l command -d 'Run an EXEC command and print its output; may be given several times' -r
complete -c tipring -n "__fish_tipring_needs_command" -l keep-going -d 'Apply all lines that are not refused instead of none after the first refused line'
complete -c tipring -n "__fish_tipring_needs_command" -l raw -d 'Use the gateway\'s own line editor on the raw terminal'
complete -c tipring -n "__fish_tipring_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tipring -n "__fish_tipring_needs_command" -s V -l version -d 'Print version'
complete -c tipring -n "__fish_tipring_needs_command" -a "phone" -d 'Play the telephone on a simulated line'
complete -c tipring -n "__fish_tipring_needs_command" -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c tipring -n "__fish_tipring_using_subcommand phone" -s s -l socket -d 'Socket of the simulator\'s lines [default: lines.sock beside the console\'s socket]' -r -F
complete -c tipring -n "__fish_tipring_using_subcommand phone" -s h -l help -d 'Print help'
complete -c tipring -n "__fish_tipring_using_subcommand help; and not __fish_seen_subcommand_from phone help" -f -a "phone" -d 'Play the telephone on a simulated line'
complete -c tipring -n "__fish_tipring_using_subcommand help; and not __fish_seen_subcommand_from phone help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
