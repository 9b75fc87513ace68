// A Pipeline script and a shared library → run by Jenkins' own CPS engine, one step at a time. Before each step all of the
// program is serialised and read back, as when Jenkins restarts there. steps.groovy and bodies.groovy say what the steps do.
import com.cloudbees.groovy.cps.Continuable
import com.cloudbees.groovy.cps.Continuation
import com.cloudbees.groovy.cps.CpsTransformer
import com.cloudbees.groovy.cps.ObjectInputStreamWithLoader
import com.cloudbees.groovy.cps.Outcome
import com.cloudbees.groovy.cps.SerializableScript
import com.cloudbees.groovy.cps.impl.CpsCallableInvocation
import org.codehaus.groovy.control.CompilerConfiguration
import org.codehaus.groovy.runtime.InvokerHelper

/** What a program asks of Jenkins and waits for. */
class Call implements Serializable {
    String step
    List arguments

    /** Its body, if it has one. */
    Closure getBody() { arguments && arguments.last() instanceof Closure ? (Closure) arguments.last() : null }

    /** `sh 'x'` is `sh(script: 'x')`: `only` names the argument that may stand alone. */
    Map named(String only) {
        def rest = body == null ? arguments : arguments.init()
        if (rest.empty) return [:]
        rest[0] instanceof Map && (rest.size() == 1) ? (Map) rest[0] : [(only): rest[0]]
    }
}

/** The body of a step: what its surroundings are, and what becomes of the step when it ends. */
class Frame implements Serializable {
    String step
    Continuable program
    Map<String, String> environment = [:]
    /** Absolute; null: none of its own. */
    String folder
    Map keep = [:]
}

/** A thread of the program: the script, or a branch of `parallel`. */
class Strand implements Serializable {
    int id
    String name
    List<Frame> frames = []
    /** What its program goes on with; null while it waits. */
    Outcome next
    Call waitsFor
    /** Those of `parallel`: the thread that waits for them. */
    Strand parent
    Map<String, Outcome> branches
}

class Program implements Serializable {
    List<Strand> threads = []
    int count = 0
    int steps = 0
}

/** Jenkins too gives scripts iterators that can be serialised, of lists and sets (IteratorHack in workflow-cps). */
class SteadyIterators {
    static Iterator iterator(ArrayList all) { new Steady(all: new ArrayList(all)) }

    static Iterator iterator(LinkedHashSet all) { new Steady(all: new ArrayList(all)) }

    static class Steady implements Iterator, Serializable {
        ArrayList all
        int at = 0

        boolean hasNext() { at < all.size() }

        Object next() { all[at++] }

        void remove() { throw new UnsupportedOperationException() }
    }
}

/** Which class a Jenkinsfile and what lies in vars/ are of. */
abstract class PipelineScript extends SerializableScript {
    Object invokeMethod(String name, Object args) {
        def list = args instanceof Object[] ? (args as List) : [args]
        if (Engine.now.hasVariable(name)) {
            def it = getProperty(name)
            return InvokerHelper.getMetaClass(it).invokeMethod(it, 'call', args)
        }
        if (Engine.now.steps.symbol(name)) return [$symbol: name] + (list ? (Map) list[0] : [:])
        if (!Engine.now.steps.has(name))
            throw new NoSuchMethodError("No such DSL method '$name' found among steps [${Engine.now.steps.names().join(', ')}]".toString())
        Continuable.suspend(name, new Call(step: name, arguments: list))
    }

    Object getProperty(String name) {
        if (name == 'binding') return super.getProperty(name)
        if (binding.hasVariable(name)) return binding.getVariable(name)
        if (Engine.now.hasVariable(name)) {
            def it = (Script) Engine.now.loader.loadClass(name).newInstance()
            it.binding = binding
            binding.setVariable(name, it)
            return it
        }
        if (Engine.now.steps.hasGlobal(name)) return Engine.now.steps.global(name)
        super.getProperty(name)
    }
}

/** `@Library('name@version') _`: which library that is says the test. */
@interface Library {
    String[] value()
}

class Engine {
    static Engine now

    final File library
    final ClassLoader loader
    final GroovyShell shell
    final Steps steps
    final Bodies bodies
    Program program = new Program()
    Strand current

    Engine(File library, Steps steps) {
        this.library = library
        this.steps = steps
        bodies = new Bodies(steps)
        now = this
        def configuration = new CompilerConfiguration(scriptBaseClass: PipelineScript.name)
        configuration.addCompilationCustomizers(new CpsTransformer())
        shell = new GroovyShell(Engine.classLoader, new Binding(), configuration)
        for (folder in ['src', 'vars']) shell.classLoader.addURL(new File(library, folder).toURI().toURL())
        loader = shell.classLoader
    }

    boolean hasVariable(String name) { name ==~ /\w+/ && new File(library, "vars/${name}.groovy").file }

    /** As Jenkins does when it goes on with a build: the script is compiled again, the library where it is asked for. */
    Script know(String text) { shell.parse(text, 'WorkflowScript') }

    void start(String text) {
        def script = know(text)
        def main = new Strand(id: 0, name: '')
        main.frames << new Frame(step: 'pipeline script', program: new Continuable(script))
        main.next = new Outcome(null, null)
        program.threads << main
    }

    byte[] save() {
        def bytes = new ByteArrayOutputStream()
        new ObjectOutputStream(bytes).withStream { it.writeObject(program) }
        bytes.toByteArray()
    }

    void restore(byte[] bytes) {
        program = (Program) new ObjectInputStreamWithLoader(new ByteArrayInputStream(bytes), loader).readObject()
    }

    /** How the script ended; null: it was stopped at step number `stopAt`, as Jenkins is. */
    Outcome run(int stopAt) {
        def last = null
        while (last == null) {
            // Each thread's turn, so that branches mix at their steps.
            def due = program.threads.findAll { it.next != null || it.waitsFor != null }
            if (due.empty) throw new IllegalStateException('nothing can go on')
            for (id in due*.id) {
                last = turn(id, stopAt)
                if (last != null) break
                if (program.steps == stopAt) return null
            }
        }
        last
    }

    private Outcome turn(int id, int stopAt) {
        current = program.threads.find { it.id == id }
        if (current == null) return null
        if (current.waitsFor != null) {
            program.steps++
            restore(save())
            current = program.threads.find { it.id == id }
            if (program.steps == stopAt) return null
            def call = current.waitsFor
            current.waitsFor = null
            perform(call)
            return null
        }
        if (current.next == null) return null
        def frame = current.frames.last()
        def given = current.next
        current.next = null
        def outcome = frame.program.run0(given, Continuable.categories + SteadyIterators)
        if (frame.program.resumable && outcome.normal instanceof Call) {
            current.waitsFor = (Call) outcome.normal
            return null
        }
        end(frame, outcome)
    }

    private void perform(Call call) {
        try {
            steps.interruptOnce(current)
            if (call.step == 'parallel') fork((Map) call.arguments[0])
            else if (call.body != null) enter(call)
            else current.next = new Outcome(steps.perform(current, call), null)
        } catch (Throwable e) {
            current.next = new Outcome(null, e)
        }
    }

    private void enter(Call call) {
        def frame = new Frame(step: call.step)
        if (!bodies.enter(current, call, frame)) {
            current.next = new Outcome(null, null)
            return
        }
        frame.program = bodyOf(call.body)
        current.frames << frame
        current.next = new Outcome(null, null)
    }

    private static Continuable bodyOf(Closure body) {
        try {
            body.call()
        } catch (CpsCallableInvocation asked) {
            return new Continuable(asked.invoke(null, null, Continuation.HALT))
        }
        throw new IllegalStateException('a body that is not of the script')
    }

    private void fork(Map<String, Closure> bodies) {
        steps.told('parallel', current, [branches: bodies.keySet() as List])
        def parent = current
        parent.branches = [:]
        bodies.each { name, body ->
            if (!(body instanceof Closure)) return
            def frame = new Frame(step: 'branch', program: bodyOf(body))
            def child = new Strand(id: ++program.count, name: name, parent: parent, next: new Outcome(null, null))
            // Surroundings are those of the parent.
            child.frames = parent.frames.collect { new Frame(step: it.step, environment: it.environment, folder: it.folder, keep: [name: it.keep.name, interrupted: it.keep.interrupted]) }
            child.frames << frame
            parent.branches[name] = null
            program.threads << child
        }
        if (bodies.isEmpty()) parent.next = new Outcome([:], null)
    }

    private Outcome end(Frame frame, Outcome outcome) {
        if (frame.step == 'pipeline script') return outcome
        current.frames.remove(current.frames.size() - 1)
        if (frame.step != 'branch') {
            current.next = bodies.leave(current, frame, outcome)
            return null
        }
        program.threads.remove(current)
        def parent = current.parent
        parent.branches[current.name] = outcome
        if (parent.branches.values().any { it == null }) return null
        def failed = parent.branches.values().find { it.failure }
        parent.next = failed != null ? failed : new Outcome(parent.branches.collectEntries { [it.key, it.value.normal] }, null)
        parent.branches = null
        null
    }
}
