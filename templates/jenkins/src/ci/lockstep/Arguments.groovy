// What a Jenkinsfile gives to `lockstep(…)` → the same with all defaults, or what is wrong with it.
package ci.lockstep

import com.cloudbees.groovy.cps.NonCPS

class Arguments implements Serializable {
    private static final Map KNOWN = [
        agent: 'text', allow: 'texts', args: 'texts', cache: 'text', checkout: 'a closure', credentials: 'a map', file: 'text', image: 'text',
        jobs: 'texts', parallelStages: 'true or false', params: 'a map', stashLimit: 'a whole number', version: 'text',
    ]
    private static final Map DEFAULTS = [
        agent: null, allow: [], args: [], cache: 'directory', checkout: null, credentials: [:], file: null, image: 'node:24-bookworm-slim',
        jobs: [], parallelStages: false, params: [:], stashLimit: 50, version: null,
    ]

    /** `problem` is there when something is wrong; the rest then does not count. */
    @NonCPS
    static Map check(Map given) {
        def all = new LinkedHashMap(DEFAULTS)
        for (entry in given.entrySet()) {
            def name = entry.key.toString()
            def value = entry.value
            if (!KNOWN.containsKey(name)) return [problem: "there is no argument '${name}'; ${near(name, KNOWN.keySet())}".toString()]
            if (value == null) continue
            def taken = take(KNOWN[name], value)
            if (taken == null) return [problem: "${name} is ${KNOWN[name]}, not ${shown(value)}".toString()]
            all[name] = taken[0]
        }
        if (!(all.cache in ['jobcacher', 'directory', 'none']))
            return [problem: "cache is 'jobcacher', 'directory' or 'none', not ${shown(all.cache)}".toString()]
        def odd = all.jobs.find { it.startsWith('-') }
        if (odd != null) return [problem: "'${odd}' is no name of a job: options go into args".toString()]
        def credentials = Secrets.check(all.credentials)
        if (credentials instanceof String) return [problem: credentials]
        all.credentials = credentials
        all
    }

    /** Words of the command line that say what is run, for `run` and `plan`. */
    @NonCPS
    static List words(Map asked, List jobs) {
        def words = new ArrayList(jobs)
        if (asked.file != null) words.addAll(['--file', asked.file])
        asked.params.each { name, value -> words.addAll(['--param', "${name}=${value}".toString()]) }
        asked.allow.each { words.addAll(['--allow', it]) }
        words
    }

    /** Null: it is of another kind. Else a list with the value in it. */
    @NonCPS
    private static List take(String kind, Object value) {
        switch (kind) {
            case 'text': return value instanceof CharSequence ? [value.toString()] : null
            case 'texts':
                def texts = value instanceof CharSequence ? [value] : value
                return texts instanceof List && texts.every { it instanceof CharSequence } ? [texts.collect { it.toString() }] : null
            case 'a map': return value instanceof Map ? [value] : null
            case 'a closure': return value instanceof Closure ? [value] : null
            case 'true or false': return value instanceof Boolean ? [value] : null
            default: return value instanceof Integer && value >= 0 ? [value] : null
        }
    }

    @NonCPS
    private static String shown(Object value) {
        value instanceof CharSequence ? "'${value}'" : value instanceof Map ? 'a map' : value instanceof List ? 'a list' : value.toString()
    }

    /** Words that follow a name that is not known. */
    @NonCPS
    static String near(String name, Collection known) {
        def best = known.min { distance(name.toLowerCase(), it.toLowerCase()) }
        distance(name.toLowerCase(), best.toLowerCase()) <= 2 ? "did you mean '${best}'?" : "there are ${known.sort(false).join(', ')}"
    }

    /** Of Levenshtein. */
    @NonCPS
    private static int distance(String from, String to) {
        def before = (0..to.size()).toList()
        for (int i = 1; i <= from.size(); i++) {
            def row = [i]
            for (int j = 1; j <= to.size(); j++)
                row << Math.min(Math.min(row[j - 1], before[j]) + 1, before[j - 1] + (from[i - 1] == to[j - 1] ? 0 : 1))
            before = row
        }
        before[to.size()]
    }
}
