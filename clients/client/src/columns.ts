import { Follower } from './follower.js';
import type { ColumnsBatch, LiveColumns } from './types.js';

/** Gives batches out as they come. */
export class ColumnsFollower extends Follower<ColumnsBatch> implements LiveColumns {
  protected override lay(batch: ColumnsBatch): void {
    this.batches.emit(batch);
  }

  protected override over(): void {}
}
