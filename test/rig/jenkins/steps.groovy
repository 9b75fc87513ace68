// A step of a Pipeline → what Jenkins would do: `sh` runs for real, the rest does as much as a script can see of it. Every call
// is told. What plugins bring can be absent.

class AbortException extends IOException {
    AbortException(String message) { super(message) }
}

class Interrupted extends InterruptedException {
    Interrupted() { super('FlowInterruptedException') }
}

/** `env` of a script. */
class BuildEnvironment implements Serializable {
    Object getProperty(String name) { Engine.now.steps.environmentOf(Engine.now.current)[name] }

    void setProperty(String name, Object value) { Engine.now.steps.environment[name] = value.toString() }
}

class CurrentBuild implements Serializable {
    Object getProperty(String name) {
        def build = Engine.now.steps.build
        name == 'currentResult' ? (build.result ?: 'SUCCESS') : build[name]
    }

    void setProperty(String name, Object value) { Engine.now.steps.build[name] = value }

    List getBuildCauses() { Engine.now.steps.scenario.causes.collect { [_class: it, shortDescription: 'for people'] } }
}

class Steps {
    static final SYMBOLS = [
        'credentials-binding': ['string', 'file', 'zip', 'usernamePassword', 'usernameColonPassword', 'sshUserPrivateKey', 'certificate'],
        jobcacher: ['arbitraryFileCache'],
        'warnings-ng': ['sarif'],
    ]
    static final PLUGINS = [
        'credentials-binding': ['withCredentials'], jobcacher: ['cache'], 'warnings-ng': ['recordIssues'], junit: ['junit'],
        ansicolor: ['ansiColor'], timestamper: ['timestamps'],
    ]
    static final ALWAYS = [
        'sh', 'node', 'stage', 'parallel', 'stash', 'unstash', 'archiveArtifacts', 'unarchive', 'withEnv', 'dir', 'writeFile', 'readFile',
        'fileExists', 'isUnix', 'pwd', 'checkout', 'catchError', 'unstable', 'error', 'echo', 'deleteDir', 'libraryResource',
        'pipeline', 'agent', 'label', 'stages', 'when', 'tag', 'steps', 'script', 'post', 'always',
    ]

    final Map scenario
    final Closure tell
    /** Seen by the test, and by whoever asks for `abort`. */
    volatile Process running
    volatile boolean aborted = false
    Map<String, String> environment
    Map build = [result: null, description: null]
    final File home

    Steps(Map scenario, Closure tell) {
        this.scenario = scenario
        this.tell = tell
        home = new File((String) scenario.home)
        environment = ((Map) scenario.environment).collectEntries { [it.key, it.value.toString()] }
    }

    private boolean there(Map<String, List> of, String name) {
        of.any { plugin, names -> name in names && !(plugin in scenario.absent) }
    }

    boolean symbol(String name) { there(SYMBOLS, name) }

    boolean has(String name) { name in ALWAYS || there(PLUGINS, name) }

    List names() { (ALWAYS + PLUGINS.values().flatten()).findAll { has(it) }.sort() }

    boolean hasGlobal(String name) { name in ['env', 'currentBuild', 'scm', 'params', 'any', 'none'] && !(name == 'scm' && scenario.repository == null) }

    Object global(String name) {
        switch (name) {
            case 'env': return new BuildEnvironment()
            case 'currentBuild': return new CurrentBuild()
            case 'scm': return [$class: 'GitSCM']
            case 'params': return scenario.params ?: [:]
            default: return name
        }
    }

    Map<String, String> environmentOf(Strand thread) {
        thread.frames.inject(new HashMap<String, String>(environment)) { all, frame -> all + frame.environment }
    }

    File folderOf(Strand thread) {
        def folder = thread.frames.reverse().find { it.folder != null }?.folder
        if (folder == null) throw new IllegalStateException('Required context class hudson.FilePath is missing')
        if (thread.frames.any { it.keep.lost }) throw new IOException('Unable to create live FilePath for the agent')
        new File(folder)
    }

    void told(String step, Strand thread, Map more) {
        def stages = thread.frames.findAll { it.step == 'stage' }*.keep.name.findAll { it != null }
        tell([call: step, branch: thread.name, stages: stages] + more)
    }

    /** As Jenkins warns of secrets that a script put into a string: any that the surroundings hold, the empty one too. */
    private void noticeSecrets(Strand thread, Map given) {
        def secrets = thread.frames.findAll { it.step == 'withCredentials' }*.environment*.values().flatten()
        def interpolated = given.values().findAll { it instanceof GString }
        if (interpolated.any { text -> secrets.any { text.toString().contains(it) } }) log('Warning: A secret was passed using Groovy String interpolation')
    }

    static Object plain(Object value) {
        if (value instanceof Map) return value.collectEntries { [it.key.toString(), plain(it.value)] }
        if (value instanceof List) return value.collect { plain(it) }
        if (value instanceof Closure) return '{}'
        value instanceof CharSequence ? value.toString() : value
    }

    void log(String line) { tell([log: line]) }

    void worsen(String result) {
        def order = [null, 'SUCCESS', 'UNSTABLE', 'FAILURE', 'ABORTED']
        if (order.indexOf(result) > order.indexOf(build.result)) build.result = result
    }

    /** Machines may have the poorest locale there is. */
    private static String charset(Map given) { given.encoding ?: 'US-ASCII' }

    File at(Strand thread, String path) {
        def folder = folderOf(thread)
        def file = new File(path)
        file.absolute ? file : new File(folder, path)
    }

    /** `out` and `err` are given lines. */
    private static int sh(File folder, Map environment, List<String> words, Closure started, Closure out, Closure err, String charset = 'UTF-8') {
        def builder = new ProcessBuilder(words).directory(folder).redirectInput(new File('/dev/null'))
        builder.environment().clear()
        builder.environment().putAll(environment)
        def process = builder.start()
        started(process)
        def errors = Thread.start { process.errorStream.eachLine(charset) { err(it) } }
        process.inputStream.eachLine(charset) { out(it) }
        errors.join()
        process.waitFor()
    }

    private void git(File folder, String script) {
        def said = []
        def code = sh(folder, environment, ['sh', '-ec', script], {}, { said << it }, { said << it })
        if (code != 0) throw new AbortException("git: ${said.join('\n')}")
    }

    private void copy(String from, File folder, File to) {
        to.mkdirs()
        // Ant's `**` and single files are all that a library of ours asks for.
        def what = from == '**' ? '.' : from.endsWith('/**') ? from[0..-4] : from
        if (what.contains('*')) throw new IllegalStateException("no stub for the pattern $from")
        if (!new File(folder, what).exists()) throw new AbortException("No files match ${from}")
        git(folder, "tar -cf - -- '${what.replace("'", "'\\''")}' | tar -xf - -C '${to.path.replace("'", "'\\''")}'")
    }

    void checkOut(File folder) {
        // Of several the next each time, as of a branch that moves.
        def commits = [scenario.commit].flatten()
        def commit = commits[Math.min((int) (build.checkouts ?: 0), commits.size() - 1)]
        build.checkouts = (build.checkouts ?: 0) + 1
        git(folder, "git init -q; git fetch -q --tags '${scenario.repository}' '+refs/heads/*:refs/remotes/origin/*'; git checkout -qf $commit")
    }

    Object perform(Strand thread, Call call) {
        def step = call.step
        def only = [sh: 'script', echo: 'message', error: 'message', unstable: 'message', readFile: 'file', fileExists: 'file', checkout: 'scm',
                    unstash: 'name', libraryResource: 'resource', agent: 'label', label: 'label', junit: 'testResults', pwd: 'tmp'][step] ?: 'value'
        def given = call.named(only)
        def shown = plain(given)
        if (step == 'writeFile' && shown.text.size() > 2000) shown.text = "${shown.text.size()} characters"
        told(step, thread, [arguments: shown])
        noticeSecrets(thread, given)
        switch (step) {
            case 'sh': return shell(thread, given)
            case 'echo': log(given.message.toString()); return null
            case 'error': throw new AbortException(given.message.toString())
            case 'unstable': log("WARNING: ${given.message}"); worsen('UNSTABLE'); return null
            case 'isUnix': folderOf(thread); return scenario.unix != false
            case 'pwd': return given.tmp ? environmentOf(thread).WORKSPACE_TMP : folderOf(thread).path
            case 'readFile': return at(thread, given.file.toString()).getText(charset(given))
            case 'fileExists': return at(thread, given.file.toString()).exists()
            case 'deleteDir': folderOf(thread).deleteDir(); return null
            case 'writeFile':
                def file = at(thread, given.file.toString())
                file.parentFile.mkdirs()
                file.setText(given.text.toString(), charset(given))
                return null
            case 'libraryResource':
                def file = new File(new File(Engine.now.library, 'resources'), given.resource.toString())
                if (!file.file) throw new AbortException("No such library resource ${given.resource} could be found.")
                return file.getText(charset(given))
            case 'checkout':
                checkOut(folderOf(thread))
                return [GIT_BRANCH: environment.BRANCH_NAME]
            case 'stash':
                // As Jenkins.checkGoodName has it.
                if (given.name.toString() =~ '[?*/\\\\%!@#$^&|<>\\[\\]:;]') throw new AbortException("‘${given.name}’ is an unsafe name")
                copy(given.includes.toString(), folderOf(thread), new File(home, "stashes/${given.name}"))
                return null
            case 'unstash':
                if (!new File(home, "stashes/${given.name}").exists()) throw new AbortException("No such saved stash ‘${given.name}’")
                copy('**', new File(home, "stashes/${given.name}"), folderOf(thread))
                return null
            case 'archiveArtifacts':
                def none = !given.artifacts.toString().contains('*') && !at(thread, given.artifacts.toString()).exists()
                if (none && given.allowEmptyArchive) return null
                copy(given.artifacts.toString(), folderOf(thread), new File(home, 'archive'))
                return null
            case 'unarchive':
                given.mapping.each { from, to ->
                    def target = at(thread, to.toString())
                    target.parentFile.mkdirs()
                    target.bytes = new File(home, "archive/$from").bytes
                }
                return null
            case 'agent': case 'label': build.agent = given.label; return null
            case 'tag':
                if (environment.TAG_NAME == null) thread.frames.reverse().find { it.step == 'stage' }.keep.skipped = true
                return null
            case 'junit': return null
            case 'recordIssues':
                def ids = given.tools*.id
                build.reports = build.reports ?: []
                // https://github.com/jenkinsci/warnings-ng-plugin/issues/3394
                if (build.reports.any { it in ids }) throw new IllegalStateException("ID ${ids.join(', ')} is already used by another action")
                build.reports.addAll(ids)
                return null
            default: throw new IllegalStateException("no stub for $step")
        }
    }

    private Object shell(Strand thread, Map given) {
        def file = File.createTempFile('step', '.sh')
        file.setText(given.script.toString(), 'UTF-8')
        def out = new StringBuilder()
        def folder = folderOf(thread)
        folder.mkdirs()
        // Jenkins keeps its own files of the step there.
        new File(folder.path + '@tmp').mkdirs()
        int code
        try {
            def take = given.returnStdout ? { out << it << '\n' } : { log(it) }
            code = sh(folder, environmentOf(thread), ['sh', '-xe', file.path], { running = it }, take, { log(it) }, charset(given))
        } finally {
            running = null
            file.delete()
        }
        interruptOnce(thread)
        if (given.label != null && given.label == scenario.lostAt) {
            thread.frames.find { it.step == 'node' }.keep.lost = true
            throw new Interrupted()
        }
        if (given.returnStatus) return code
        if (code != 0) throw new AbortException("script returned exit code $code")
        given.returnStdout ? out.toString() : null
    }

    /** What a build does while it is aborted ends that way; what its scripts do about it then, runs. */
    void interruptOnce(Strand thread) {
        if (!aborted || thread.frames[0].keep.interrupted) return
        thread.frames[0].keep.interrupted = true
        throw new Interrupted()
    }

    /** As Jenkins does: SIGTERM to every process of the step. */
    void interrupt() {
        def process = running?.toHandle()
        if (process == null) return
        process.descendants().each { it.destroy() }
        process.destroy()
    }
}
