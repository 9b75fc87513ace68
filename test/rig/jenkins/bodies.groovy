// A step with a body → the surroundings of the body, and what becomes of the step when the body has ended.
import com.cloudbees.groovy.cps.Outcome

class Bodies {
    final Steps steps

    Bodies(Steps steps) { this.steps = steps }

    /** False: the body is not run. */
    boolean enter(Strand thread, Call call, Frame frame) {
        def step = call.step
        def only = [node: 'label', stage: 'name', withEnv: 'overrides', dir: 'path', withCredentials: 'bindings', ansiColor: 'colorMapName'][step] ?: 'value'
        def given = call.named(only)
        steps.told(step, thread, [arguments: Steps.plain(given)])
        switch (step) {
            case 'node':
                allocate(frame, (given.label ?: '').toString())
                return true
            case 'stage':
                frame.keep.name = given.name.toString()
                frame.environment.STAGE_NAME = frame.keep.name
                return true
            case 'dir':
                frame.folder = steps.at(thread, given.path.toString()).path
                new File(frame.folder).mkdirs()
                return true
            case 'withEnv':
                given.overrides.each { frame.environment[it.toString().split('=', 2)[0]] = it.toString().split('=', 2)[1] }
                return true
            case 'withCredentials':
                given.bindings.each { bind(thread, frame, it) }
                return true
            case 'ansiColor':
                frame.environment.TERM = given.colorMapName
                return true
            case 'catchError':
                frame.keep.given = given
                return true
            case 'steps':
                return !thread.frames.reverse().find { it.step == 'stage' }.keep.skipped
            case 'pipeline':
                // Declarative: a closing `error` waits for `post`.
                frame.keep.pipeline = true
                return true
            case 'stages':
                if (steps.build.agent == 'none') return true
                allocate(frame, (steps.build.agent ?: '').toString())
                steps.checkOut(new File(frame.folder))
                return true
            default: return true
        }
    }

    private void allocate(Frame frame, String label) {
        def number = (steps.build.agents = (steps.build.agents ?: 0) + 1)
        // Each a machine of its own; blanks and @2 are in real paths too.
        frame.folder = new File(steps.home, "agent $number/workspace/${steps.environment.JOB_NAME.replace('/', '_')}@2").path
        new File(frame.folder).mkdirs()
        frame.environment = [WORKSPACE: frame.folder, WORKSPACE_TMP: frame.folder + '@tmp', NODE_NAME: "agent $number".toString(), NODE_LABELS: label]
    }

    private void bind(Strand thread, Frame frame, Map binding) {
        def value = steps.scenario.credentials[binding.credentialsId]
        if (value == null || !(binding.$symbol in value.kinds)) throw new AbortException("Could not find credentials entry with ID '${binding.credentialsId}'")
        def put = { String name, String text -> if (binding[name] != null) frame.environment[(String) binding[name]] = text }
        def file = { String name, String text ->
            def it = new File(steps.environmentOf(thread).WORKSPACE_TMP, "secretFiles/${UUID.randomUUID()}/$name")
            it.parentFile.mkdirs()
            it.setText(text, 'UTF-8')
            frame.keep.secrets = (frame.keep.secrets ?: []) + [it.parentFile.path]
            it
        }
        switch (binding.$symbol) {
            case 'string': put('variable', value.secret); break
            case 'file': put('variable', file('secret file', value.secret).path); break
            case 'zip':
                def all = value.files.collect { name, text -> file(name, text) }
                def folder = all[0].parentFile
                all.drop(1).each { it.renameTo(new File(folder, it.name)) }
                put('variable', folder.path)
                break
            case 'usernamePassword':
                put('usernameVariable', value.username)
                put('passwordVariable', value.password)
                break
            case 'usernameColonPassword': put('variable', "${value.username}:${value.password}"); break
            case 'sshUserPrivateKey':
                put('keyFileVariable', file('ssh-key-NAME', value.key).path)
                put('usernameVariable', value.username)
                put('passphraseVariable', value.passphrase ?: '')
                break
            case 'certificate':
                put('keystoreVariable', file('keystore-NAME', value.keystore).path)
                put('passwordVariable', value.password)
                put('aliasVariable', value.alias)
        }
    }

    Outcome leave(Strand thread, Frame frame, Outcome outcome) {
        frame.keep.secrets?.each { new File((String) it).deleteDir() }
        steps.tell([left: frame.step, branch: thread.name])
        def pipeline = thread.frames.reverse().find { it.keep.pipeline }
        if (frame.step == 'stages' && outcome.failure) {
            pipeline.keep.failed = outcome
            return new Outcome(null, null)
        }
        if (frame.keep.pipeline && frame.keep.failed) return (Outcome) frame.keep.failed
        if (frame.step == 'catchError' && outcome.failure) {
            // An interruption too, unless the script says otherwise.
            def aborted = outcome.abnormal instanceof Interrupted
            if (aborted && frame.keep.given.catchInterruptions == false) return outcome
            steps.log("ERROR: ${outcome.abnormal.message}")
            steps.worsen(aborted ? 'ABORTED' : frame.keep.given.buildResult ?: 'FAILURE')
            steps.tell([stageResult: aborted ? 'ABORTED' : frame.keep.given.stageResult, branch: thread.name])
            return new Outcome(null, null)
        }
        outcome
    }
}
