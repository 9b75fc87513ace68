// Scenarios, one line of JSON each on stdin → all that happened as lines of JSON on stdout. Until a scenario has ended, a line may
// be {"abort": true}.
import groovy.json.JsonOutput
import groovy.json.JsonSlurperClassic
import java.util.concurrent.LinkedBlockingQueue

def out = System.out
System.out = System.err
def tell = { Map event -> synchronized (out) { out.println(JsonOutput.toJson(event)); out.flush() } }
def scenarios = new LinkedBlockingQueue()
def steps = null
Thread.startDaemon {
    System.in.eachLine('UTF-8') { line ->
        def read = new JsonSlurperClassic().parseText(line)
        if (!read.abort) return scenarios.put(read)
        steps.aborted = true
        steps.interrupt()
    }
    scenarios.put([end: true])
}
while (true) {
    def scenario = scenarios.take()
    if (scenario.end) break
    try {
        steps = new Steps(scenario, tell)
        def engine = new Engine(new File((String) scenario.library), steps)
        def state = scenario.state == null ? null : new File((String) scenario.state)
        if (state != null && state.exists()) {
            def saved = (Map) new ObjectInputStream(new FileInputStream(state)).withStream { it.readObject() }
            steps.build = saved.build
            steps.environment = saved.environment
            engine.know((String) scenario.script)
            engine.restore((byte[]) saved.program)
        } else engine.start((String) scenario.script)
        def outcome = engine.run((int) (scenario.stopAt ?: -1))
        if (outcome == null) {
            state.withObjectOutputStream { it.writeObject([build: steps.build, environment: steps.environment, program: engine.save()]) }
            tell([end: 'stopped'])
            continue
        }
        def error = outcome.abnormal
        if (error != null) {
            steps.worsen(error instanceof Interrupted ? 'ABORTED' : 'FAILURE')
            if (!(error instanceof AbortException || error instanceof Interrupted)) System.err.println(([error] + error.stackTrace.findAll { it.fileName?.endsWith('.groovy') }.take(8)).join('\n  '))
        }
        tell([end: steps.build.result ?: 'SUCCESS', error: error == null ? null : error.message ?: error.toString(),
              description: steps.build.description, steps: engine.program.steps])
    } catch (Throwable broken) {
        tell([end: 'BROKEN', error: ([broken] + broken.stackTrace.take(8) as List).join('\n  ')])
    }
}
System.exit(0)
