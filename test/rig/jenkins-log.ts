// A log → the notes that Jenkins would take out of it: what stands between `PREAMBLE_STR` and the end of the line in
// https://github.com/jenkinsci/jenkins/blob/master/core/src/main/java/hudson/console/ConsoleNote.java
const note = new RegExp(`${String.fromCharCode(27)}\\[8mha:.*`, 'g');

export const jenkinsNotes = (log: string): readonly string[] => log.match(note) ?? [];
