// Words → text for a shell that takes them as they are.
package ci.lockstep

import com.cloudbees.groovy.cps.NonCPS

class Shell implements Serializable {
    @NonCPS
    static String quoted(String word) { "'" + word.replace("'", "'\\''") + "'" }

    @NonCPS
    static String line(List words) { words.collect { quoted(it.toString()) }.join(' ') }
}
