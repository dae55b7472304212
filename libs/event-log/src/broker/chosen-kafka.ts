export interface ChosenKafka {
  brokers: string[];
  /** in one line, for the person who started it */
  how: string;
  /** stops what we started; does nothing to a cluster of the user's */
  stop(): Promise<void>;
}
