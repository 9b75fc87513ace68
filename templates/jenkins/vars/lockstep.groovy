// `lockstep(…)` in a Jenkinsfile → the pipeline of lockstep.yml run by the program that lies in resources/, and what Jenkins shows of it.
// lockstep.txt says what can be given. Between two steps Jenkins may restart: all that is held then can be serialised.
import ci.lockstep.Arguments
import ci.lockstep.Documents
import ci.lockstep.Secrets
import ci.lockstep.Shell
import groovy.transform.Field

/** Calls of this build that showed problems: the plugin takes each id once. */
@Field int reported = 0

/** The step itself: [status:, digest:, outputs:]. */
def call(Map given = [:]) {
    def asked = Arguments.check(given)
    if (asked.problem) error("lockstep: ${asked.problem}")
    asked.missing = [:]
    asked.id = UUID.randomUUID().toString().take(8)
    if (asked.credentials && env.CHANGE_FORK && !asked.allow.contains('fork-secrets')) {
        echo('lockstep: this change comes from a fork: it gets no credentials')
        asked.credentials = []
    }
    def result = asked.parallelStages ? onManyAgents(asked) : inStage('lockstep') { onOneAgent(asked) }
    tell(result)
    [status: result.status, digest: result.digest, outputs: result.outputs]
}

/** A stage of the caller's is stage enough. */
def inStage(String name, Closure body) {
    if (env.STAGE_NAME) return body()
    stage(name) { body() }
}

def onOneAgent(Map asked) {
    def result = null
    onAnyAgent(asked) { tools ->
        result = execute(asked, tools, 'run', asked.jobs, '', 'lockstep')
        publish(asked, result)
    }
    result
}

/** The caller's own, with the source there, if it has one. */
def onAnyAgent(Map asked, Closure body) {
    if (env.WORKSPACE && asked.agent == null) withTools(asked, body)
    else onAgent(asked, body)
}

def onAgent(Map asked, Closure body) {
    node(asked.agent ?: '') {
        def got = asked.checkout == null ? checkout(scm) : asked.checkout.call()
        // Declarative pipelines have it in the environment.
        def branch = got instanceof Map && got.GIT_BRANCH ? got.GIT_BRANCH : env.GIT_BRANCH ?: ''
        withEnv(["GIT_BRANCH=${branch}".toString()]) { withTools(asked, body) }
    }
}

/** `body` gets a folder beside the workspace, with the program: what a change has in its checkout is never run, nor written through. */
def withTools(Map asked, Closure body) {
    if (!isUnix()) error("lockstep: this agent is no Linux machine: name one, lockstep(agent: 'LABEL')")
    def tools = "${pwd(tmp: true)}/lockstep-${asked.id}".toString()
    boolean ended = false
    try {
        for (file in ['lockstep.mjs', 'agent.sh']) {
            def text = libraryResource(resource: "lockstep/${file}".toString(), encoding: 'UTF-8')
            writeFile(file: "${tools}/${file}".toString(), text: text, encoding: 'UTF-8')
        }
        if (asked.version != null) checkVersion(asked, tools)
        def causes = Documents.causes(currentBuild.getBuildCauses())
        withEnv(["LOCKSTEP_JENKINS_CAUSE=${causes}".toString(), 'LOCKSTEP_JENKINS_ARCHIVES=1']) { body(tools) }
        ended = true
    } finally {
        clear(tools, ended)
    }
}

/** An agent that was lost cannot be cleared: that must not hide why the build ends. */
def clear(String tools, boolean ended) {
    try {
        dir(tools) { deleteDir() }
    } catch (e) {
        if (ended) throw e
        echo("lockstep: ${tools} is left: ${e.message}")
    }
}

/** Ours are written so, whatever the agent's locale is. */
def read(String file) { readFile(file: file, encoding: 'UTF-8') }

def checkVersion(Map asked, String tools) {
    def version = sh(label: 'lockstep --version', returnStdout: true, script: program(asked, tools, '--version')).trim()
    if (version == asked.version) return
    error("lockstep: this library brings version ${version}, not ${asked.version}: load another one, @Library('lockstep@TAG')")
}

/** A script that becomes the program. `words` and `before` are text for a shell. */
def program(Map asked, String tools, String words, String before = '') {
    "set +x\n${before}exec sh ${Shell.line(["${tools}/agent.sh", asked.image])} ${words}".toString()
}

/** `command` is run or merge; `more`: text for a shell; `key`: whose caches these are. Ends the build when there is no result. */
def execute(Map asked, String tools, String command, List jobs, String more, String key) {
    def file = Shell.quoted("${tools}/result.json")
    boolean ended = false
    int code = 0
    try {
        inColour(asked) {
            withSecrets(asked, command) { secrets ->
                withCaches(asked, command, tools, key) { caches ->
                    def words = command == 'merge' ? more : "${Shell.line(Arguments.words(asked, jobs) + asked.args + caches)}${secrets}${more}"
                    def before = "rm -f ${file}\n${command == 'run' ? sameCommit(asked) : ''}"
                    code = sh(label: 'lockstep ' + command, returnStatus: true, encoding: 'UTF-8', script: program(asked, tools, "${command} ${words} --result ${file}", before))
                    ended = true
                }
            }
        }
    } finally {
        if (!ended) sweep(asked, tools)
    }
    if (!fileExists("${tools}/result.json")) error("lockstep: nothing ran (exit code ${code}); the log says why")
    if (!fileExists('.lockstep/last')) error('lockstep: call it in the folder where the repository begins')
    def folder = ".lockstep/runs/${read('.lockstep/last').trim()}".toString()
    def result = Documents.result(read("${tools}/result.json"), read("${folder}/run.json"), folder)
    result.code = code
    result
}

/** A branch may move while a build goes on; all of its agents work on what the first one got. */
def sameCommit(Map asked) {
    if (!asked.commit) return ''
    "[ \"\$(git rev-parse HEAD)\" = '${asked.commit}' ] || git checkout -q --detach '${asked.commit}'\n"
}

/** A build that is aborted: the program was told to end, and may have been killed. Nothing that fails here counts. */
def sweep(Map asked, String tools) {
    try {
        sh(label: 'lockstep sweep', returnStatus: true, encoding: 'UTF-8', script: program(asked, tools, 'sweep'))
    } catch (e) {
        echo("lockstep: nothing was swept: ${e.message}")
    }
}

def inColour(Map asked, Closure body) {
    ifThere(asked, ['timestamps'], 'lines of the log have no times', { timestamps { colour(asked, body) } }, { colour(asked, body) })
}

def colour(Map asked, Closure body) {
    ifThere(asked, ['ansiColor'], 'the log has no colours', { ansiColor('xterm') { withEnv(['FORCE_COLOR=1']) { body() } } }, { body() })
}

def withSecrets(Map asked, String command, Closure body) {
    if (command != 'run' || !asked.credentials) return body('')
    ifThere(asked, ['withCredentials'] + asked.credentials*.kind, 'no credentials can be given', {
        def bindings = []
        for (one in Secrets.bindings(asked.credentials)) bindings << "${one.step}"(one.arguments)
        withCredentials(bindings) { body(Secrets.words(asked.credentials)) }
    }, { error('lockstep: install the plugin Credentials Binding, or leave credentials out') })
}

def withCaches(Map asked, String command, String tools, String key, Closure body) {
    if (command != 'run' || asked.cache == 'directory') return body([])
    if (asked.cache == 'none') return body(['--fresh'])
    def folder = "${tools}/cache".toString()
    ifThere(asked, ['cache', 'arbitraryFileCache'], 'the agent keeps what it can', {
        // The plugin finds a cache by the text of its path, so that is the same on each agent.
        withEnv(["LOCKSTEP_CACHE_FOLDER=${folder}".toString()]) {
            def name = 'lockstep ' + key.replaceAll('[^A-Za-z0-9._-]+', '-')
            def kept = arbitraryFileCache(path: '$LOCKSTEP_CACHE_FOLDER', cacheName: name, compressionMethod: 'TARGZ', useDefaultExcludes: false)
            def fork = env.CHANGE_FORK ? true : false
            cache(maxCacheSize: 2000, skipSave: fork, defaultBranch: env.CHANGE_TARGET ?: '', caches: [kept]) { body(['--cache', folder]) }
        }
    }, { body([]) })
}

/** `use` calls steps of plugins, those in `names`. Where Jenkins has none of them: `instead`, and `without` is said once. */
def ifThere(Map asked, List names, String without, Closure use, Closure instead) {
    if (!asked.missing[names[0]]) {
        try {
            return use()
        } catch (NoSuchMethodError e) {
            if (!names.any { e.message?.startsWith("No such DSL method '${it}'") }) throw e
            asked.missing[names[0]] = true
            echo("lockstep: this Jenkins has no step '${names[0]}': ${without}")
        }
    }
    instead()
}

/** What Jenkins keeps and shows of a run folder of this workspace. */
def publish(Map asked, Map result) {
    if (fileExists("${result.folder}/artifacts"))
        dir("${result.folder}/artifacts") { archiveArtifacts(artifacts: '**', allowEmptyArchive: true, defaultExcludes: false, fingerprint: true) }
    dir(result.folder) { archiveArtifacts(artifacts: 'summary.md', allowEmptyArchive: true) }
    if (fileExists("${result.folder}/reports"))
        ifThere(asked, ['junit'], 'tests that failed are in the log', {
            junit(testResults: "${result.folder}/reports/*/junit/**".toString(), allowEmptyResults: true, skipMarkingBuildUnstable: true)
        }, {})
    if (fileExists('.lockstep/jenkins/sarif.json'))
        ifThere(asked, ['recordIssues', 'sarif'], 'problems are in the log', {
            reported++
            def which = reported == 1 ? '' : reported.toString()
            def tool = sarif(id: 'lockstep' + which, name: "Lockstep ${which}".trim(), pattern: '.lockstep/jenkins/sarif.json')
            recordIssues(enabledForFailure: true, tools: [tool])
        }, {})
    if (!currentBuild.description) currentBuild.description = "lockstep ${result.status}, ${result.digest}".toString()
}

/** The word of the whole. */
def tell(Map result) {
    if (result.status != 'success') error("lockstep: ${result.status}${result.failed ? ': ' + result.failed.join(', ') : ''} (${result.digest})")
    if (result.code != 0) error("lockstep: the jobs succeeded, but not the run (exit code ${result.code}); the log says why")
    if (result.allowed) unstable("lockstep: failed, and may: ${result.allowed.join(', ')}")
}

/** Each job of the plan in a stage on an agent of its own, as soon as what it needs has run, and one merge at the end. */
def onManyAgents(Map asked) {
    stage('lockstep plan') { onAnyAgent(asked) { tools -> plan(asked, tools) } }
    startReady(asked)
    def result = null
    stage('lockstep result') {
        onAnyAgent(asked) { tools ->
            def words = bring(asked, tools, asked.machines) + (asked.jobs ? ' --job ' + Shell.line(asked.jobs) : '')
            result = execute(asked, tools, 'merge', [], words, '')
            publish(asked, result)
        }
    }
    result
}

def plan(Map asked, String tools) {
    asked.commit = sh(label: 'commit', returnStdout: true, script: 'set +x\ngit rev-parse -q --verify HEAD || :').trim()
    def file = "${tools}/plan.json".toString()
    def words = "${Shell.line(['plan', '--json'] + Arguments.words(asked, asked.jobs))} >${Shell.quoted(file)}"
    int code = sh(label: 'lockstep plan', returnStatus: true, encoding: 'UTF-8', script: program(asked, tools, words))
    if (code != 0) error("lockstep: there is no plan (exit code ${code}); the log says why")
    asked.machines = Documents.machines(read(file))
}

/** Whoever ends a job begins those that waited for it alone: nobody polls. */
def startReady(Map asked) {
    def ready = Documents.begin(asked.machines)
    if (ready.size() == 1) return onItsOwn(asked, ready[0])
    if (ready.size() == 0) return
    def branches = [:]
    for (machine in ready) branches[machine.name] = branch(asked, machine)
    parallel(branches)
}

def branch(Map asked, Map machine) { return { onItsOwn(asked, machine) } }

def onItsOwn(Map asked, Map machine) {
    stage(machine.name) {
        def result = null
        onAgent(asked) { tools ->
            def from = bring(asked, tools, asked.machines.findAll { machine.needs.contains(it.name) })
            result = execute(asked, tools, 'run', machine.words, ' --no-needs' + (from ? ' --from' + from : ''), machine.name)
            handOn(asked, tools, machine, result.folder)
        }
        // The stage alone: what it means for the build is known when all have run.
        if (result.failed) catchError(buildResult: 'SUCCESS', stageResult: 'FAILURE') { error("lockstep: ${machine.name} failed") }
        else if (result.allowed) catchError(buildResult: 'SUCCESS', stageResult: 'UNSTABLE') { error("lockstep: ${machine.name} failed, and may") }
    }
    machine.done = true
    startReady(asked)
}

/** Packed, since a stash has no empty folders. What is too large for a stash becomes an artifact of the build. */
def handOn(Map asked, String tools, Map machine, String folder) {
    def packed = packOf(asked, machine)
    def file = Shell.quoted("${tools}/${packed}")
    def script = "set +x\ntar -cf ${file} -C ${Shell.quoted(folder)} .\nwc -c <${file}"
    long bytes = sh(label: 'pack the result', returnStdout: true, script: script).trim().toLong()
    machine.archived = bytes > asked.stashLimit * 1024L * 1024L
    dir(tools) {
        if (machine.archived) {
            echo("lockstep: the result of ${machine.name} has ${bytes.intdiv(1024 * 1024)} MiB, too much for a stash: it becomes an artifact")
            archiveArtifacts(artifacts: packed)
        } else stash(name: packed, includes: packed)
    }
}

/** Also the name of the stash. Another `lockstep(…)` of this build has others. */
def packOf(Map asked, Map machine) { "lockstep-${asked.id}-${machine.key}.tar".toString() }

/** Results of other agents → their folders here, as text for a shell. */
def bring(Map asked, String tools, List machines) {
    def folders = ''
    for (machine in machines) {
        def packed = packOf(asked, machine)
        dir(tools) {
            if (machine.archived) unarchive(mapping: [(packed): packed])
            else unstash(packed)
        }
        // Not in that folder: Jenkins would leave another one beside it.
        def folder = Shell.quoted("${tools}/from/${machine.key}")
        def unpack = "mkdir -p ${folder}\ntar -xf ${Shell.quoted("${tools}/${packed}")} -C ${folder}"
        sh(label: 'unpack a result', script: "set +x\nrm -rf ${folder}\n${unpack}")
        folders += " ${folder}"
    }
    folders
}
