// What the program wrote as JSON → the little of it that a build goes on with.
package ci.lockstep

import com.cloudbees.groovy.cps.NonCPS
import groovy.json.JsonSlurperClassic

class Documents implements Serializable {
    /** `lockstep plan --json` → [key:, name:, words:, needs:, begun: false, done: false] of each job or instance that gets an agent. */
    @NonCPS
    static List machines(String plan) {
        def machines = new ArrayList()
        new JsonSlurperClassic().parseText(plan).machines.eachWithIndex { one, at ->
            machines << one + [key: "m${at + 1}".toString(), begun: false, done: false]
        }
        machines
    }

    /** What started the build, as Jenkins calls it. */
    @NonCPS
    static String causes(List causes) { causes.collect { it['_class'] }.join(' ') }

    /** Those whose needs have run, and that nobody has begun; they count as begun. */
    @NonCPS
    static List begin(List machines) {
        def done = machines.findAll { it.done }*.name
        def ready = new ArrayList(machines.findAll { !it.begun && done.containsAll(it.needs) })
        ready.each { it.begun = true }
        ready
    }

    @NonCPS
    static Map result(String result, String run, String folder) {
        def jobs = new JsonSlurperClassic().parseText(result)
        def outputs = [:]
        def failed = []
        def allowed = []
        jobs.jobs.each { name, job ->
            if (job.outputs) outputs[name] = job.outputs
            if (job.status != 'failure') return
            (job['allowed-failure'] ? allowed : failed) << name
        }
        [
            status: jobs.status, digest: new JsonSlurperClassic().parseText(run).digest, outputs: outputs, failed: failed, allowed: allowed,
            folder: folder,
        ]
    }
}
