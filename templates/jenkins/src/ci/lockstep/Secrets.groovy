// `credentials` of `lockstep(…)` → bindings of `withCredentials`, and the words that tell the program where it finds each secret.
//
// Values travel in variables and files of Jenkins' alone: no Groovy string ever holds one.
package ci.lockstep

import com.cloudbees.groovy.cps.NonCPS

class Secrets implements Serializable {
    private static final List KINDS =
        ['string', 'file', 'zip', 'usernamePassword', 'usernameColonPassword', 'sshUserPrivateKey', 'certificate']

    /** A list of [name:, kind:, id:, path:], or what is wrong, as a String. */
    @NonCPS
    static Object check(Map credentials) {
        def all = []
        for (entry in credentials.entrySet()) {
            def name = entry.key.toString()
            def value = entry.value instanceof CharSequence ? [kind: 'string', id: entry.value] : entry.value
            if (!(name ==~ /[A-Za-z_][A-Za-z0-9_]*/)) return "credentials: '${name}' cannot be the name of a secret".toString()
            if (!(value instanceof Map)) return "credentials: ${name} is an id, or [kind: …, id: …]".toString()
            def odd = value.keySet().find { !(it.toString() in ['kind', 'id', 'path']) }
            if (odd != null) return "credentials: ${name} has no '${odd}'; ${Arguments.near(odd.toString(), ['kind', 'id', 'path'])}".toString()
            def kind = (value.kind ?: 'string').toString()
            if (!(kind in KINDS)) return "credentials: ${name} is of no kind '${kind}'; ${Arguments.near(kind, KINDS)}".toString()
            if (!value.id) return "credentials: ${name} lacks the id of its credentials".toString()
            if (kind == 'zip' && !value.path) return "credentials: ${name} is of kind zip: path says which of its files is the secret".toString()
            if (kind != 'zip' && value.path) return "credentials: ${name} is of kind ${kind}, which has no path".toString()
            all << [name: name, kind: kind, id: value.id.toString(), path: value.path?.toString()]
        }
        all
    }

    /** Each is [step:, arguments:]. A name and a password are there as in Declarative: NAME, NAME_USR and NAME_PSW. */
    @NonCPS
    static List bindings(List credentials) {
        credentials.collectMany { one ->
            def value = "LOCKSTEP_SECRET_${one.name}".toString()
            def file = "LOCKSTEP_FILE_${one.name}".toString()
            def bind = { String kind, Map variables -> [step: kind, arguments: [credentialsId: one.id] + variables] }
            switch (one.kind) {
                case 'usernamePassword':
                    return [
                        bind('usernamePassword', [usernameVariable: value + '_USR', passwordVariable: value + '_PSW']),
                        bind('usernameColonPassword', [variable: value]),
                    ]
                case 'sshUserPrivateKey':
                    return [bind(one.kind, [keyFileVariable: file, usernameVariable: value + '_USR', passphraseVariable: value + '_PSW'])]
                case 'certificate':
                    return [bind(one.kind, [keystoreVariable: file, passwordVariable: value + '_PSW', aliasVariable: value + '_ALIAS'])]
                case 'file': case 'zip':
                    return [bind(one.kind, [variable: file])]
                default:
                    return [bind(one.kind, [variable: value])]
            }
        }
    }

    /** For a shell, which puts in the paths. */
    @NonCPS
    static String words(List credentials) {
        credentials.findAll { it.kind in ['file', 'zip', 'sshUserPrivateKey', 'certificate'] }.collect {
            " --secret \"${it.name}=file:\$LOCKSTEP_FILE_${it.name}\"" + (it.path == null ? '' : Shell.quoted("/${it.path}"))
        }.join('')
    }
}
