// Shows of a run of promises only what the run prints itself, and why it failed.
export default class {
  onTestResult(_, { testResults, testExecError }) {
    const failures = testResults.flatMap((result) => result.failureMessages ?? []);
    if (testExecError) failures.push(testExecError.message);
    for (const message of failures) process.stdout.write(`\n${message}\n`);
  }
}
