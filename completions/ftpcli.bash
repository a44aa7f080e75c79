# Completion of ftpcli for bash 4.4 and later. Source it, or put it into
# ~/.local/share/bash-completion/completions/ftpcli

_ftpcli_completion() {
    local kind value
    COMPREPLY=()
    while IFS=',' read -r kind value; do
        case $kind in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain)
                COMPREPLY+=("$value")
                # A profile's name goes on with a path.
                [[ $value == *: ]] && compopt -o nospace
                ;;
        esac
    done < <(IFS=$'\n'; env COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD="$COMP_CWORD" _FTPCLI_COMPLETE=bash_complete "$1" 2>/dev/null)
    return 0
}

complete -o nosort -F _ftpcli_completion ftpcli
