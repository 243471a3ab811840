// Calls that start an execution, as text for a shell or a program.

export const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

export const pythonCall = (machine: string, input: string): string => `import boto3

states = boto3.client("stepfunctions")
states.start_execution(
    stateMachineArn=${JSON.stringify(machine)},
    input=${JSON.stringify(input)},
)
`;

export const javascriptCall = (machine: string, input: string): string => `import { SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';

await new SFNClient({}).send(
  new StartExecutionCommand({
    stateMachineArn: ${JSON.stringify(machine)},
    input: ${JSON.stringify(input)},
  }),
);
`;
