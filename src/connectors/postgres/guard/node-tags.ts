const names = (text: string): ReadonlySet<string> => new Set(text.trim().split(/\s+/));

/**
 * Every kind of node that a read may consist of (tags of PostgreSQL 18's grammar). What is not here is refused, whatever it is, new
 * syntax of later versions included.
 */
export const READ_NODES: ReadonlySet<string> = names(`
  SelectStmt ResTarget ColumnRef A_Star A_Const A_Expr BoolExpr FuncCall NamedArgExpr RangeVar
  RangeSubselect RangeFunction RangeTableSample RangeTableFunc RangeTableFuncCol JoinExpr CaseExpr CaseWhen CoalesceExpr MinMaxExpr
  SubLink TypeCast TypeName String Integer Float Boolean BitString List SortBy WindowDef WithClause
  CommonTableExpr CTESearchClause CTECycleClause NullTest BooleanTest A_ArrayExpr A_Indirection A_Indices
  RowExpr GroupingSet GroupingFunc SQLValueFunction CollateClause Alias ColumnDef XmlExpr XmlSerialize
  JsonObjectConstructor JsonArrayConstructor JsonArrayQueryConstructor JsonAggConstructor JsonObjectAgg JsonArrayAgg
  JsonValueExpr JsonFormat JsonOutput JsonReturning JsonFuncExpr JsonBehavior JsonKeyValue JsonIsPredicate
  JsonParseExpr JsonScalarExpr JsonSerializeExpr JsonTable JsonTableColumn JsonTablePathSpec JsonArgument
`);

/** Statements of the writing tool that change rows. */
export const ROW_STATEMENTS: ReadonlySet<string> = names(`
  InsertStmt UpdateStmt DeleteStmt MergeStmt SelectStmt
`);

/** Those that change what holds the rows, or all rows at once without telling how many: only where the operator allows definitions. */
export const DEFINING_STATEMENTS: ReadonlySet<string> = names(`
  TruncateStmt CreateStmt CreateTableAsStmt CreateSchemaStmt CreateSeqStmt CreateEnumStmt IndexStmt ViewStmt
  AlterTableStmt AlterEnumStmt AlterSeqStmt RenameStmt CommentStmt DropStmt RefreshMatViewStmt
`);

/** Those of them after which a rule for a column may not find it any more. */
export const ALTERING: ReadonlySet<string> = names('AlterTableStmt RenameStmt');

/** Those of them that can take rows away, or change them, without telling how many. */
export const UNCOUNTED: ReadonlySet<string> = names('TruncateStmt DropStmt AlterTableStmt');

/** Nodes beyond READ_NODES that ROW_STATEMENTS consist of. */
export const ROW_NODES: ReadonlySet<string> = names(`
  InsertStmt UpdateStmt DeleteStmt MergeStmt
  SetToDefault MultiAssignRef OnConflictClause InferClause IndexElem MergeWhenClause MergeSupportFunc
  ReturningClause ReturningOption LockingClause
`);

/** Nodes beyond those that DEFINING_STATEMENTS consist of. No functions, no roles, no COPY, no settings, no transactions. */
export const DEFINING_NODES: ReadonlySet<string> = names(`
  TruncateStmt CreateStmt CreateTableAsStmt CreateSchemaStmt CreateSeqStmt CreateEnumStmt IndexStmt ViewStmt
  AlterTableStmt AlterEnumStmt AlterSeqStmt RenameStmt CommentStmt DropStmt RefreshMatViewStmt
  IntoClause Constraint DefElem AlterTableCmd PartitionSpec PartitionElem PartitionBoundSpec PartitionRangeDatum PartitionCmd TableLikeClause
`);

/** What DROP, RENAME, COMMENT and ALTER may be about. No roles, databases, functions, extensions, triggers, policies. */
export const WRITE_OBJECTS: ReadonlySet<string> = names(`
  OBJECT_TABLE OBJECT_COLUMN OBJECT_TABCONSTRAINT OBJECT_VIEW OBJECT_MATVIEW OBJECT_INDEX OBJECT_SEQUENCE OBJECT_SCHEMA OBJECT_TYPE
`);

/** Commands of ALTER TABLE that change who may do what, or what runs on a change. */
export const REFUSED_ALTER = /^AT_(?:ChangeOwner|.*RowSecurity|(?:Enable|Disable).*(?:Trig|Rule))/;
